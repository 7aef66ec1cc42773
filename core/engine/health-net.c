/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks without a process: what they connect to
 *
 * ["TCP", "PORT"], ["TCP", "HOST:PORT"] and ["HTTP", "http://HOST[:PORT][/PATH]"] become addresses, a port and the request's text. A name
 * would have to be looked up in the container, by a process of its own: only addresses and localhost can be named.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/json.h"
#include "base/str.h"
#include "engine/health-rules.h"

#define URL_MAX 8192
#define HTTP    "http://"

struct place {
    char *host; /* an address, or "localhost" */
    int64_t port;
};

static void place_fini(struct place *p)
{
    free(p->host);
}

static bool is_address(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* "8080", "HOST:8080", "[::1]:8080"; a port that is missing is `dflt` (0: it may not be). */
static int read_place(const char *text, const char *what, int64_t dflt, struct place *out,
                      struct err *err)
{
    const char *close = *text == '[' ? strchr(text, ']') : NULL;
    const char *colon = close ? (close[1] == ':' ? close + 1 : NULL) : strrchr(text, ':');
    const char *port = colon ? colon + 1 : dflt ? NULL : text;
    if (close)
        out->host = xstrndup(text + 1, (size_t)(close - text) - 1);
    else if (colon || dflt)
        out->host = colon ? xstrndup(text, (size_t)(colon - text)) : xstrdup(text);
    else
        out->host = xstrdup("localhost");
    out->port = dflt;
    if ((close && close[1] && close[1] != ':') ||
        (port && parse_i64(port, 1, UINT16_MAX, &out->port) < 0))
        return err_set(err, -EINVAL, "%s: \"%s\" has no port from 1 to 65535", what, text);
    if (!str_eq(out->host, "localhost") && !is_address(out->host))
        return err_set(err, -EINVAL,
                       "%s: \"%s\" is no address: an address or localhost would be right (a name "
                       "has to be looked up by a command in the container)",
                       what, out->host);
    return 0;
}

static json_t *net_of(const struct place *p)
{
    json_t *net = json_object(), *hosts = json_array();
    if (str_eq(p->host, "localhost")) {
        json_push_str(hosts, "127.0.0.1");
        json_push_str(hosts, "::1");
    } else {
        json_push_str(hosts, p->host);
    }
    json_put_take(net, "hosts", hosts);
    json_put_int(net, "port", p->port);
    return net;
}

/* What would end the request's first line, or is no part of a URL as it is sent. */
static bool has_blanks(const char *url)
{
    for (const char *p = url; *p; p++)
        if (*p <= ' ' || *p == 0x7f)
            return true;
    return false;
}

static int read_http(const char *url, json_t **net, struct err *err)
{
    static const char what[] = "invalid HTTP health check";
    _cleanup_(place_fini) struct place p = {0};
    const char *rest = str_after(url, HTTP);
    if (!rest)
        return err_set(err, -EINVAL, "%s: \"%.200s\" does not begin with " HTTP "%s", what, url,
                       str_after(url, "https://") ? " (https takes a command)" : "");
    if (strlen(url) > URL_MAX || has_blanks(url))
        return err_set(
            err, -EINVAL,
            "%s: the URL has blanks, control characters or other than ASCII, or more than %d bytes",
            what, URL_MAX);
    size_t n = strcspn(rest, "/?#");
    _cleanup_(freep) char *where = xstrndup(rest, n);
    _cleanup_(freep) char *path = xstrndup(rest + n, strcspn(rest + n, "#"));
    int r = read_place(where, what, 80, &p, err);
    if (r < 0)
        return r;
    *net = net_of(&p);
    json_put_strf(*net, "request",
                  "GET %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: berth-health\r\nAccept: */*\r\n"
                  "Connection: close\r\n\r\n",
                  *path == '/' ? "" : "/", path, where);
    return 0;
}

static int read_tcp(const char *text, json_t **net, struct err *err)
{
    _cleanup_(place_fini) struct place p = {0};
    int r = read_place(text, "invalid TCP health check", 0, &p, err);
    if (r == 0)
        *net = net_of(&p);
    return r;
}

int health_net_read(const json_t *test, json_t **net, struct err *err)
{
    const char *kind = json_string_value(json_array_get(test, 0));
    const char *text = json_string_value(json_array_get(test, 1));
    if (json_array_size(test) != 2 || !text)
        return err_set(err, -EINVAL, "invalid %s health check: [\"%s\", \"%s\"] is expected", kind,
                       kind, str_eq(kind, "TCP") ? "HOST:PORT" : HTTP "HOST:PORT/PATH");
    return str_eq(kind, "TCP") ? read_tcp(text, net, err) : read_http(text, net, err);
}

json_t *health_net(const json_t *config)
{
    json_t *net = NULL;
    if (health_net_read(json_arr(json_obj(config, "Healthcheck"), "Test"), &net, NULL) < 0)
        return NULL;
    return net;
}
