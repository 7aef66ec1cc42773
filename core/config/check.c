/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of single values of daemon.conf. */
#include "config/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/str.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static int must_be(const char *text, const char *right, struct err *err)
{
    return err_set(err, -EINVAL, "\"%.200s\" is not valid, it must be %s", text, right);
}

static bool is_name(const char *s)
{
    return str_only(s, LETTERS "_.-") && strchr(LETTERS, *s) && strlen(s) <= 128;
}

static bool is_plain_path(const char *s)
{
    return *s == '/' && s[1] && !strchr(s, '\n') && strlen(s) < 4096 && !strstr(s, "/../") &&
           !str_ends(s, "/..");
}

int config_check_path(const char *text, struct err *err)
{
    return is_plain_path(text) ? 0 : must_be(text, "an absolute path below /, without ..", err);
}

int config_check_name(const char *text, struct err *err)
{
    return is_name(text)
               ? 0
               : must_be(text, "a name: letters and digits, and _ . - after the first", err);
}

int config_check_group(const char *text, struct err *err)
{
    if (!*text || is_name(text))
        return 0;
    return must_be(text, "the name of a group of this host, or \"\" for root alone", err);
}

static bool is_ip(const char *s, int *bits)
{
    unsigned char any[16];
    *bits = strchr(s, ':') ? 128 : 32;
    return inet_pton(*bits == 128 ? AF_INET6 : AF_INET, s, any) == 1;
}

static bool is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;
    if (str_eq(host, "localhost"))
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static int check_tcp(const char *text, const char *rest, struct err *err)
{
    const char *colon = strrchr(rest, ':');
    int64_t port;
    if (!colon || colon == rest || parse_i64(colon + 1, 1, 65535, &port) < 0)
        return must_be(text, "tcp://HOST:PORT, such as tcp://127.0.0.1:2375", err);
    bool bracketed = *rest == '[' && colon[-1] == ']' && colon - rest > 2;
    _cleanup_(freep) char *host = bracketed ? xstrndup(rest + 1, (size_t)(colon - rest - 2))
                                            : xstrndup(rest, (size_t)(colon - rest));
    if (is_loopback(host) && bracketed == !!strchr(host, ':'))
        return 0;
    return err_set(
        err, -EINVAL,
        "\"%.200s\" would open the host to whoever reaches that address: without TLS, which is "
        "not supported yet, only a loopback address can be used (tcp://127.0.0.1:%" PRIi64
        "); reach it from elsewhere through ssh",
        text, port);
}

int config_check_listen(const char *text, struct err *err)
{
    const char *rest;
    if ((rest = str_after(text, "unix://")))
        return is_plain_path(rest) && strlen(rest) < sizeof(((struct sockaddr_un *)NULL)->sun_path)
                   ? 0
                   : must_be(text, "unix:// and an absolute path of at most 107 bytes", err);
    if ((rest = str_after(text, "tcp://")))
        return check_tcp(text, rest, err);
    if ((rest = str_after(text, "fd://")))
        return !*rest || str_eq(rest, "*") || str_only(rest, LETTERS "_.-")
                   ? 0
                   : must_be(text, "fd:// (all sockets that systemd passes) or fd://NAME", err);
    return must_be(text, "unix:///PATH, tcp://HOST:PORT or fd://", err);
}

int config_check_log_level(const char *text, struct err *err)
{
    enum log_level level;
    return log_level_parse(text, &level) == 0
               ? 0
               : must_be(text, "one of: debug, info, warn, error", err);
}

int config_check_log_format(const char *text, struct err *err)
{
    return str_eq(text, "text") || str_eq(text, "json") ? 0
                                                        : must_be(text, "one of: text, json", err);
}

int config_check_label(const char *text, struct err *err)
{
    const char *equals = strchr(text, '=');
    return equals && equals > text ? 0 : must_be(text, "\"key=value\"", err);
}

int config_check_ip(const char *text, struct err *err)
{
    int bits;
    return is_ip(text, &bits) ? 0 : must_be(text, "an address such as \"192.0.2.1\"", err);
}

int config_check_domain(const char *text, struct err *err)
{
    return str_only(text, LETTERS "_.-") && strlen(text) <= 253
               ? 0
               : must_be(text, "a domain such as \"example.org\"", err);
}

int config_check_word(const char *text, struct err *err)
{
    return str_only(text, LETTERS "_.:-") ? 0 : must_be(text, "one word such as \"ndots:2\"", err);
}

int config_parse_subnet(const char *text, unsigned char address[16], int *bits, int *prefix)
{
    const char *slash = strchr(text, '/');
    int64_t n;
    if (!slash)
        return -EINVAL;
    _cleanup_(freep) char *ip = xstrndup(text, (size_t)(slash - text));
    if (!is_ip(ip, bits) || parse_i64(slash + 1, 0, *bits, &n) < 0)
        return -EINVAL;
    memset(address, 0, 16);
    inet_pton(*bits == 128 ? AF_INET6 : AF_INET, ip, address);
    *prefix = (int)n;
    return 0;
}

int config_check_subnet(const char *text, struct err *err)
{
    unsigned char a[16];
    int bits, prefix;
    if (config_parse_subnet(text, a, &bits, &prefix) < 0 || prefix == 0)
        return must_be(text, "a subnet such as \"172.30.0.0/15\"", err);
    for (int bit = prefix; bit < bits; bit++) {
        if (!(a[bit / 8] & (0x80 >> bit % 8)))
            continue;
        char net[INET6_ADDRSTRLEN] = "";
        for (int b = prefix; b < bits; b++)
            a[b / 8] &= (unsigned char)~(0x80 >> b % 8);
        inet_ntop(bits == 128 ? AF_INET6 : AF_INET, a, net, sizeof(net));
        return err_set(err, -EINVAL,
                       "\"%s\" is an address within a subnet, not the subnet: \"%s/%d\"", text, net,
                       prefix);
    }
    return 0;
}

int config_check_cgroup(const char *text, struct err *err)
{
    return is_name(text) && strlen(text) <= 64
               ? 0
               : must_be(text,
                         "a name (no path): letters and digits, and _ . - after the first, "
                         "at most 64",
                         err);
}

int config_check_seccomp(const char *text, struct err *err)
{
    if (str_eq(text, "builtin") || str_eq(text, "unconfined") || is_plain_path(text))
        return 0;
    return must_be(text, "\"builtin\", \"unconfined\" or the absolute path of a profile", err);
}

static bool is_limit(const char *s, int64_t *v)
{
    return parse_i64(s, -1, INT64_MAX, v) == 0;
}

int config_check_ulimit(const char *text, struct err *err)
{
    static const char names[] = "core, cpu, data, fsize, locks, memlock, msgqueue, nice, nofile, "
                                "nproc, rss, rtprio, rttime, sigpending, stack";
    const char *equals = strchr(text, '=');
    _cleanup_(strv_fini) struct strv known = {0}, limits = {0};
    int64_t soft, hard;
    if (!equals)
        return must_be(text, "\"name=soft\" or \"name=soft:hard\"", err);
    _cleanup_(freep) char *name = xstrndup(text, (size_t)(equals - text));
    strv_split(&known, names, ", ");
    if (!strv_has(&known, name))
        return err_set(err, -EINVAL, "\"%.200s\": there is no limit \"%.64s\"; there are: %s", text,
                       name, names);
    strv_split(&limits, equals + 1, ":");
    if (limits.n < 1 || limits.n > 2 || !is_limit(limits.v[0], &soft) ||
        !is_limit(limits.v[limits.n - 1], &hard))
        return must_be(text, "\"name=soft\" or \"name=soft:hard\" with numbers, -1 for no limit",
                       err);
    if (hard != -1 && (soft == -1 || soft > hard))
        return err_set(err, -EINVAL, "\"%s\": the soft limit is above the hard one", text);
    return 0;
}

/* "docker.io", "localhost:5000", "[::1]:5000" */
static bool is_host(const char *s)
{
    const char *colon = strrchr(s, ':');
    int64_t port;
    if (*s == '[') {
        const char *end = strchr(s, ']');
        if (!end || (end[1] && (end[1] != ':' || parse_i64(end + 2, 1, 65535, &port) < 0)))
            return false;
        _cleanup_(freep) char *inner = xstrndup(s + 1, (size_t)(end - s - 1));
        int bits;
        return is_ip(inner, &bits) && bits == 128;
    }
    if (colon && parse_i64(colon + 1, 1, 65535, &port) < 0)
        return false;
    _cleanup_(freep) char *host = colon ? xstrndup(s, (size_t)(colon - s)) : xstrdup(s);
    return is_name(host);
}

int config_check_registry(const char *text, struct err *err)
{
    return is_host(text) ? 0
                         : must_be(text,
                                   "a registry's name such as \"docker.io\" or "
                                   "\"localhost:5000\", without a scheme",
                                   err);
}

int config_check_insecure(const char *text, struct err *err)
{
    return strchr(text, '/') && !strstr(text, "://") ? config_check_subnet(text, err)
                                                     : config_check_registry(text, err);
}

int config_check_url(const char *text, struct err *err)
{
    const char *rest = str_after(text, "https://");
    if (!rest)
        rest = str_after(text, "http://");
    if (rest && strchr(rest, '@')) /* not shown: it may hold a password */
        return err_set(err, -EINVAL, "the URL must not hold a user or password");
    _cleanup_(freep) char *host = rest ? xstrndup(rest, strcspn(rest, "/")) : xstrdup("");
    return is_host(host) && !strpbrk(rest, " \t\r\n?#")
               ? 0
               : must_be(text, "http://HOST[:PORT] or https://HOST[:PORT]", err);
}
