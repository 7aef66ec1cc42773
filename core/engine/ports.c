/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports
 *
 * The text forms in which clients name ports, made into numbers once, before anything is reserved.
 */
#include "engine/ports.h"

#include <arpa/inet.h>
#include <errno.h>

#include "base/json.h"
#include "base/str.h"

static const char *proto_constant(const char *word)
{
    static const char *const protos[] = {"tcp", "udp", "sctp"};
    for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
        if (strcasecmp(word, protos[i]) == 0)
            return protos[i];
    return NULL;
}

static int parse_number(const char *text, uint16_t *out)
{
    int64_t n;
    int r = parse_i64(text, 1, 65535, &n);
    if (r == 0)
        *out = (uint16_t)n;
    return r;
}

int port_parse(const char *text, uint16_t *port, const char **proto, struct err *err)
{
    const char *slash = strchr(text, '/');
    _cleanup_(freep) char *number =
        slash ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);
    *proto = proto_constant(slash ? slash + 1 : "tcp");
    if (!*proto)
        return err_set(err, -EINVAL, "invalid proto: %s (tcp, udp or sctp would be right)",
                       slash + 1);
    if (parse_number(number, port) < 0)
        return err_set(err, -EINVAL, "invalid port: %s (1 to 65535, as in 80/tcp, would be right)",
                       text);
    return 0;
}

void port_bindings_fini(struct port_bindings *b)
{
    for (size_t i = 0; i < b->n; i++)
        free(b->v[i].host_ip);
    free(b->v);
    *b = (struct port_bindings){0};
}

static struct port_binding *bindings_add(struct port_bindings *b, uint16_t port, const char *proto)
{
    b->v = xrealloc(b->v, (b->n + 1) * sizeof(*b->v));
    struct port_binding *p = &b->v[b->n++];
    *p = (struct port_binding){.container_port = port, .proto = proto};
    return p;
}

/* "", "8080" or "8000-8010". */
static int read_host_port(const char *text, struct port_binding *p, struct err *err)
{
    if (str_empty(text) || str_eq(text, "0"))
        return 0;
    const char *dash = strchr(text, '-');
    _cleanup_(freep) char *first = dash ? xstrndup(text, (size_t)(dash - text)) : xstrdup(text);
    if (parse_number(first, &p->host_port) < 0 ||
        parse_number(dash ? dash + 1 : first, &p->host_port_end) < 0 ||
        p->host_port_end < p->host_port)
        return err_set(err, -EINVAL, "invalid port specification: \"%s\"", text);
    return 0;
}

static int read_host_ip(const char *text, struct port_binding *p, struct err *err)
{
    unsigned char addr[16];
    if (str_empty(text))
        return 0;
    if (inet_pton(AF_INET, text, addr) != 1 && inet_pton(AF_INET6, text, addr) != 1)
        return err_set(err, -EINVAL, "invalid IP address: %s", text);
    p->host_ip = xstrdup(text);
    return 0;
}

static int read_one(const char *key, const json_t *binding, struct port_bindings *out,
                    struct err *err)
{
    uint16_t port;
    const char *proto;
    int r = port_parse(key, &port, &proto, err);
    if (r < 0)
        return r;
    const json_t *ip = json_object_get(binding, "HostIp");
    const json_t *host_port = json_object_get(binding, "HostPort");
    if (!json_is_object(binding) || (ip && !json_is_string(ip) && !json_is_null(ip)) ||
        (host_port && !json_is_string(host_port) && !json_is_null(host_port)))
        return err_set(err, -EINVAL,
                       "invalid HostConfig.PortBindings[\"%s\"]: expected objects with the strings "
                       "HostIp and HostPort",
                       key);
    struct port_binding *p = bindings_add(out, port, proto);
    r = read_host_ip(json_str(binding, "HostIp", NULL), p, err);
    return r < 0 ? r : read_host_port(json_str(binding, "HostPort", NULL), p, err);
}

int port_bindings_read(const json_t *bindings, struct port_bindings *out, struct err *err)
{
    const char *key;
    json_t *list;
    json_object_foreach ((json_t *)bindings, key, list) {
        if (!json_is_array(list) && !json_is_null(list))
            return err_set(err, -EINVAL,
                           "invalid HostConfig.PortBindings[\"%s\"]: expected an array", key);
        static const char *const any = "{}";
        json_auto_t *nothing = json_loads(any, 0, NULL);
        int r = 0;
        /* A key without bindings publishes the port on any host port. */
        if (json_array_size(list) == 0)
            r = read_one(key, nothing, out, err);
        for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
            r = read_one(key, json_array_get(list, i), out, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool bindings_have(const struct port_bindings *b, uint16_t port, const char *proto)
{
    for (size_t i = 0; i < b->n; i++)
        if (b->v[i].container_port == port && str_eq(b->v[i].proto, proto))
            return true;
    return false;
}

int port_bindings_add_exposed(struct port_bindings *b, const json_t *exposed, struct err *err)
{
    const char *key;
    json_t *ignored;
    json_object_foreach ((json_t *)exposed, key, ignored) {
        uint16_t port;
        const char *proto;
        int r = port_parse(key, &port, &proto, err);
        if (r < 0)
            return r;
        if (!bindings_have(b, port, proto))
            bindings_add(b, port, proto);
    }
    return 0;
}

int port_exposed_check(const json_t *exposed, struct err *err)
{
    const char *key;
    json_t *ignored;
    json_object_foreach ((json_t *)exposed, key, ignored) {
        uint16_t port;
        const char *proto;
        int r = port_parse(key, &port, &proto, err);
        if (r < 0)
            return r;
    }
    return 0;
}
