/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: between the API's form, netd's and the firewall's. */
#include "network/ports.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/str.h"

#define PORTS_MAX 16384

static const struct {
    const char *name;
    uint8_t number;
} protos[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

static const char *proto_name(uint8_t number)
{
    for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
        if (protos[i].number == number)
            return protos[i].name;
    return "tcp";
}

static int proto_number(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(protos); i++)
        if (str_eq(protos[i].name, name))
            return protos[i].number;
    return -EINVAL;
}

void port_list_fini(struct port_list *l)
{
    free(l->v);
    *l = (struct port_list){0};
}

static void list_add(struct port_list *l, const struct port *p)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->v = xrealloc(l->v, l->cap * sizeof(*l->v));
    }
    l->v[l->n++] = *p;
}

static int number_read(const char *s, uint16_t *out)
{
    int64_t v;
    if (!str_only(s, "0123456789") || parse_i64(s, 1, 65535, &v) < 0)
        return -EINVAL;
    *out = (uint16_t)v;
    return 0;
}

/* "80/tcp", "80". */
static int key_read(const char *key, struct port *p, struct err *err)
{
    size_t n = strcspn(key, "/");
    _cleanup_(freep) char *number = xstrndup(key, n);
    int proto = key[n] ? proto_number(key + n + 1) : IPPROTO_TCP;
    if (proto < 0 || number_read(number, &p->container_port) < 0)
        return err_set(
            err, -EINVAL,
            "invalid container port \"%s\": a number of 1 to 65535 and tcp, udp or sctp, "
            "as in 80/tcp",
            key);
    p->proto = (uint8_t)proto;
    return 0;
}

/* "8080", "8000-8010", "" and "0" for any. */
static int host_port_read(const char *s, struct port *p, struct err *err)
{
    if (str_empty(s) || str_eq(s, "0"))
        return 0;
    size_t n = strcspn(s, "-");
    _cleanup_(freep) char *lo = xstrndup(s, n);
    int r = number_read(lo, &p->lo);
    if (r == 0)
        r = s[n] ? number_read(s + n + 1, &p->hi) : 0;
    if (!s[n])
        p->hi = p->lo;
    if (r < 0 || p->lo > p->hi)
        return err_set(
            err, -EINVAL,
            "invalid host port \"%s\": a number of 1 to 65535 or a range such as 8000-8010", s);
    return 0;
}

/* One binding: on one address, or on every one of both families. */
static int binding_add(struct port_list *l, struct port p, const char *host, unsigned group,
                       struct err *err)
{
    p.group = group;
    if (!str_empty(host)) {
        _cleanup_(freep) char *bare = xstrdup(*host == '[' ? host + 1 : host);
        bare[strcspn(bare, "]")] = 0;
        if (addr_parse(bare, &p.host) < 0)
            return err_set(err, -EINVAL, "invalid host IP address \"%s\" of a published port",
                           host);
        list_add(l, &p);
        return 0;
    }
    p.host = (struct addr){.family = AF_INET};
    list_add(l, &p);
    p.host.family = AF_INET6;
    p.optional = true;
    list_add(l, &p);
    return 0;
}

static int bindings_add(struct port_list *l, const char *key, const json_t *list, const char *host,
                        unsigned *group, struct err *err)
{
    struct port p = {0};
    int r = key_read(key, &p, err);
    size_t i;
    json_t *one;
    if (r < 0)
        return r;
    if (list && !json_is_null(list) && !json_is_array(list))
        return err_set(err, -EINVAL, "the bindings of port %s are not a list", key);
    json_array_foreach (list, i, one) {
        struct port each = p;
        const char *ip = json_str(one, "HostIp", "");
        r = host_port_read(json_str(one, "HostPort", ""), &each, err);
        if (r == 0)
            r = binding_add(l, each, *ip ? ip : host, (*group)++, err);
        if (r < 0)
            return r;
        if (l->n > PORTS_MAX)
            return err_set(err, -E2BIG, "more than %d published ports", PORTS_MAX);
    }
    return r;
}

int ports_parse(const json_t *bindings, const char *host, struct port_list *out, struct err *err)
{
    *out = (struct port_list){0};
    unsigned group = 0;
    const char *key;
    json_t *list;
    json_object_foreach ((json_t *)bindings, key, list) {
        int r = bindings_add(out, key, list, host, &group, err);
        if (r < 0) {
            port_list_fini(out);
            return r;
        }
    }
    return 0;
}

json_t *ports_json(const struct port_list *l, const json_t *exposed)
{
    json_t *out = json_object();
    for (size_t i = 0; i < l->n; i++) {
        const struct port *p = &l->v[i];
        char host[ADDR_TEXT_MAX];
        if (!p->host_port)
            continue;
        addr_format(&p->host, host);
        _cleanup_(freep) char *key = str_printf("%u/%s", p->container_port, proto_name(p->proto));
        if (!json_arr(out, key))
            json_put_take(out, key, json_array());
        json_t *one = json_object();
        json_put_str(one, "HostIp", host);
        json_put_strf(one, "HostPort", "%u", p->host_port);
        json_push_take(json_arr(out, key), one);
    }
    const char *key;
    json_t *ignored;
    json_object_foreach ((json_t *)exposed, key, ignored)
        json_default_take(out, key, json_null());
    return out;
}

json_t *ports_request(const struct port_list *l, const char *target)
{
    json_t *out = json_array();
    for (size_t i = 0; i < l->n; i++) {
        const struct port *p = &l->v[i];
        char host[ADDR_TEXT_MAX];
        addr_format(&p->host, host);
        json_t *one = json_object();
        json_put_str(one, "proto", proto_name(p->proto));
        json_put_str(one, "host", host);
        json_put_int(one, "lo", p->lo);
        json_put_int(one, "hi", p->hi);
        json_put_int(one, "group", p->group);
        json_put_bool(one, "optional", p->optional);
        json_put_str(one, "target", target);
        json_put_int(one, "target_port", p->container_port);
        json_push_take(out, one);
    }
    return out;
}

int ports_answer(struct port_list *l, const json_t *ports, struct err *err)
{
    if (json_array_size(ports) != l->n)
        return err_set(err, -EPROTO, "berth-netd answered with another number of ports");
    for (size_t i = 0; i < l->n; i++)
        l->v[i].host_port = (uint16_t)json_int(json_array_get(ports, i), "host_port", 0);
    return 0;
}

static int port_load(const json_t *one, struct port *p, struct err *err)
{
    int proto = proto_number(json_str(one, "proto", ""));
    *p = (struct port){.lo = (uint16_t)json_int(one, "lo", 0),
                       .hi = (uint16_t)json_int(one, "hi", 0),
                       .group = (unsigned)json_int(one, "group", 0),
                       .optional = json_bool(one, "optional", false),
                       .container_port = (uint16_t)json_int(one, "target_port", 0),
                       .host_port = (uint16_t)json_int(one, "host_port", 0)};
    if (proto < 0 || addr_parse(json_str(one, "host", ""), &p->host) < 0)
        return err_set(err, -EINVAL, "a stored attachment holds a bad port");
    p->proto = (uint8_t)proto;
    return 0;
}

int ports_load(const json_t *ports, struct port_list *out, struct err *err)
{
    *out = (struct port_list){0};
    size_t i;
    json_t *one;
    json_array_foreach (ports, i, one) {
        struct port p;
        int r = port_load(one, &p, err);
        if (r < 0) {
            port_list_fini(out);
            return r;
        }
        list_add(out, &p);
    }
    return 0;
}

struct firewall_port *ports_firewall(const struct port_list *l, const struct addr *container,
                                     size_t *n)
{
    struct firewall_port *out = xcalloc(l->n + 1, sizeof(*out));
    *n = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].host_port && l->v[i].host.family == AF_INET)
            out[(*n)++] = (struct firewall_port){.proto = l->v[i].proto,
                                                 .host = l->v[i].host,
                                                 .container = *container,
                                                 .host_port = l->v[i].host_port,
                                                 .container_port = l->v[i].container_port};
    return out;
}
