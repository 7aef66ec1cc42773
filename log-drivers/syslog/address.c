/* SPDX-License-Identifier: Apache-2.0 */
/* Where messages go. */
#include "address.h"

#include <sys/un.h>

#include "common/util.h"

static const struct {
    const char *prefix;
    enum transport transport;
} schemes[] = {
    {"unix://", SYSLOG_UNIX}, {"unixgram://", SYSLOG_UNIXGRAM}, {"udp://", SYSLOG_UDP},
    {"tcp://", SYSLOG_TCP},   {"tcp+tls://", SYSLOG_TLS},
};

void address_fini(struct address *a)
{
    free(a->host);
    free(a->port);
    *a = (struct address){0};
}

static bool port_valid(const char *s)
{
    char *end = NULL;
    long n = *s >= '0' && *s <= '9' ? strtol(s, &end, 10) : 0;
    return n >= 1 && n <= 65535 && !*end;
}

/* HOST, HOST:PORT or [IPv6]:PORT; the port is 514 where none is given, as in Docker. */
static int split_host(const char *s, struct address *a)
{
    const char *end = *s == '[' ? strchr(s, ']') : s + strcspn(s, ":");
    if (!end)
        return -EINVAL;
    const char *after = *s == '[' ? end + 1 : end;
    const char *host = *s == '[' ? s + 1 : s;
    const char *port = *after == ':' ? after + 1 : "514";
    if (end == host || (*after && *after != ':') || !port_valid(port))
        return -EINVAL;
    a->host = strndup(host, (size_t)(end - host));
    a->port = strdup(port);
    return a->host && a->port ? 0 : -ENOMEM;
}

static int take_path(const char *path, struct address *a)
{
    if (*path != '/' || strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return -EINVAL;
    a->host = strdup(path);
    return a->host ? 0 : -ENOMEM;
}

int address_parse(const char *text, struct address *out, struct berth_err *err)
{
    int r = -EINVAL;
    *out = (struct address){.transport = SYSLOG_LOCAL};
    if (!*text)
        r = take_path("/dev/log", out);
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t n = strlen(schemes[i].prefix);
        if (strncmp(text, schemes[i].prefix, n) != 0)
            continue;
        out->transport = schemes[i].transport;
        r = out->transport <= SYSLOG_UNIXGRAM ? take_path(text + n, out)
                                              : split_host(text + n, out);
    }
    if (r == 0)
        return 0;
    address_fini(out);
    return berth_err_set(err, r,
                         "syslog-address \"%s\": it must be unix://PATH, unixgram://PATH (at most "
                         "107 bytes, absolute), udp://HOST:PORT, tcp://HOST:PORT or "
                         "tcp+tls://HOST:PORT",
                         text);
}

int facility_parse(const char *text, unsigned *out, struct berth_err *err)
{
    static const char *const names[] = {
        "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
        "uucp",   "cron",   "authpriv", "ftp",    NULL,     NULL,     NULL,     NULL,
        "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
    char *end = NULL;
    unsigned long n = *text >= '0' && *text <= '9' ? strtoul(text, &end, 10) : 24;
    for (unsigned i = 0; i < 24; i++)
        if (names[i] && strcmp(text, names[i]) == 0)
            n = i;
    if (n > 23 || (end && *end))
        return berth_err_set(err, -EINVAL,
                             "syslog-facility \"%s\": it must be a number from 0 to 23, or kern, "
                             "user, mail, daemon, auth, syslog, lpr, news, uucp, cron, authpriv, "
                             "ftp, local0 … local7",
                             text);
    *out = (unsigned)n;
    return 0;
}
