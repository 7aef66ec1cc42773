/* SPDX-License-Identifier: Apache-2.0 */
/* The small language of -p and --expose. */
#include <arpa/inet.h>

#include <ctype.h>
#include <errno.h>

#include "base/json.h"
#include "client/run-options.h"

struct port_range {
    uint64_t from, to;
};

/* "[IP:][HOST:]CONTAINER[/PROTO]" in pieces, which point into one copy. */
struct publish {
    char *copy, *ip, *host, *container, *proto;
};

static void publish_fini(struct publish *p)
{
    free(p->copy);
}

static int parse_range(const char *s, struct port_range *out)
{
    const char *dash = strchr(s, '-');
    _cleanup_(freep) char *first = dash ? xstrndup(s, (size_t)(dash - s)) : xstrdup(s);
    if (parse_u64(first, 65535, &out->from) < 0)
        return -EINVAL;
    out->to = out->from;
    if (dash && (parse_u64(dash + 1, 65535, &out->to) < 0 || out->to < out->from))
        return -EINVAL;
    return 0;
}

static void bind_port(json_t *bindings, const char *key, const char *ip,
                      const struct port_range *host, uint64_t offset, bool any)
{
    json_t *list = json_arr(bindings, key);
    if (!list) {
        list = json_array();
        json_put_take(bindings, key, list);
    }
    json_t *b = json_object();
    json_put_str(b, "HostIp", ip);
    if (!host)
        json_put_str(b, "HostPort", "");
    else if (any)
        json_put_strf(b, "HostPort", "%llu-%llu", (unsigned long long)host->from,
                      (unsigned long long)host->to);
    else
        json_put_strf(b, "HostPort", "%llu", (unsigned long long)(host->from + offset));
    json_push_take(list, b);
}

/* Cuts at the last two colons: what stands before them is the address, also an IPv6 one. */
static void publish_cut(struct publish *p, const char *spec)
{
    char *s = p->copy = xstrdup(spec), *colon = strrchr(s, ':');
    p->ip = p->host = s + strlen(s);
    p->container = colon ? colon + 1 : s;
    if (colon) {
        *colon = '\0';
        p->host = s;
        colon = strrchr(s, ':');
    }
    if (colon) {
        *colon = '\0';
        p->host = colon + 1;
        p->ip = s;
    }
    char *slash = strchr(p->container, '/');
    p->proto = slash ? slash + 1 : p->container + strlen(p->container);
    if (slash)
        *slash = '\0';
    for (char *c = p->proto; *c; c++)
        *c = (char)tolower((unsigned char)*c);
}

/* An IPv6 address may stand in brackets. */
static int publish_address(struct publish *p, const char *spec, struct err *err)
{
    unsigned char binary[16];
    size_t n = strlen(p->ip);
    if (n > 2 && p->ip[0] == '[' && p->ip[n - 1] == ']') {
        p->ip[n - 1] = '\0';
        p->ip++;
        if (inet_pton(AF_INET6, p->ip, binary) == 1)
            return 0;
    } else if (n == 0 || inet_pton(AF_INET, p->ip, binary) == 1 ||
               inet_pton(AF_INET6, p->ip, binary) == 1) {
        return 0;
    }
    return err_set(err, -EINVAL, "invalid IP address: %s in \"%s\": [IP:][HOST:]CONTAINER[/PROTO]",
                   p->ip, spec);
}

static int publish_proto(struct publish *p, const char *spec, struct err *err)
{
    if (!*p->proto)
        p->proto = (char *)(uintptr_t) "tcp";
    if (str_eq(p->proto, "tcp") || str_eq(p->proto, "udp") || str_eq(p->proto, "sctp"))
        return 0;
    return err_set(err, -EINVAL, "invalid proto: %s in \"%s\": tcp, udp or sctp", p->proto, spec);
}

static int publish_ports(const struct publish *p, const char *spec, struct port_range *container,
                         struct port_range *host, struct err *err)
{
    if (!*p->container)
        return err_set(err, -EINVAL, "no port specified: %s", spec);
    if (parse_range(p->container, container) < 0 || container->from == 0)
        return err_set(err, -EINVAL,
                       "invalid containerPort: %s in \"%s\": a port from 1 to 65535, or a range",
                       p->container, spec);
    if (*p->host && parse_range(p->host, host) < 0)
        return err_set(err, -EINVAL,
                       "invalid hostPort: %s in \"%s\": a port up to 65535, or a range", p->host,
                       spec);
    if (*p->host && container->from != container->to &&
        host->to - host->from != container->to - container->from)
        return err_set(err, -EINVAL,
                       "invalid ranges specified for container and host ports: %s and %s",
                       p->container, p->host);
    return 0;
}

static int publish_parts(const char *spec, struct publish *p, struct port_range *container,
                         struct port_range *host, struct err *err)
{
    publish_cut(p, spec);
    int r = publish_address(p, spec, err);
    if (r == 0)
        r = publish_proto(p, spec, err);
    return r == 0 ? publish_ports(p, spec, container, host, err) : r;
}

static char *port_key(uint64_t port, const char *proto)
{
    return str_printf("%llu/%s", (unsigned long long)port, proto);
}

/* "published=8080,target=80,protocol=udp" → "8080:80/udp". */
static int long_form(const char *spec, char **out, struct err *err)
{
    _cleanup_(strv_fini) struct strv parts = {0};
    const char *published = "", *target = "", *proto = "tcp", *part;
    strv_split(&parts, spec, ",");
    strv_foreach (part, &parts) {
        const char *value;
        if ((value = str_after(part, "published=")))
            published = value;
        else if ((value = str_after(part, "target=")))
            target = value;
        else if ((value = str_after(part, "protocol=")))
            proto = value;
        else
            return err_set(err, -EINVAL,
                           "invalid field '%s' in --publish \"%s\": published, target, protocol",
                           part, spec);
    }
    *out = str_printf("%s:%s/%s", published, target, proto);
    return 0;
}

int publish_spec(const char *spec, json_t *exposed, json_t *bindings, struct err *err)
{
    _cleanup_(publish_fini) struct publish p = {0};
    _cleanup_(freep) char *plain = NULL;
    struct port_range host = {0}, container;
    int r = strchr(spec, '=') ? long_form(spec, &plain, err) : 0;
    if (r == 0)
        r = publish_parts(plain ? plain : spec, &p, &container, &host, err);
    if (r < 0)
        return r;
    bool any = *p.host && container.from == container.to && host.from != host.to;
    for (uint64_t port = container.from; port <= container.to; port++) {
        _cleanup_(freep) char *key = port_key(port, p.proto);
        json_put_take(exposed, key, json_object());
        bind_port(bindings, key, p.ip, *p.host ? &host : NULL, port - container.from, any);
    }
    return 0;
}

int expose_spec(const char *spec, json_t *exposed, struct err *err)
{
    _cleanup_(publish_fini) struct publish p = {0};
    struct port_range host = {0}, container;
    if (strchr(spec, ':'))
        return err_set(err, -EINVAL, "invalid port format for --expose: %s", spec);
    int r = publish_parts(spec, &p, &container, &host, err);
    if (r < 0)
        return r;
    for (uint64_t port = container.from; port <= container.to; port++) {
        _cleanup_(freep) char *key = port_key(port, p.proto);
        json_put_take(exposed, key, json_object());
    }
    return 0;
}
