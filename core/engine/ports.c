/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports
 *
 * The text forms in which clients name ports. What a binding may hold is the network's to say (network/ports.h).
 */
#include "engine/ports.h"

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
    _cleanup_(freep) char *number = slash ? xstrndup(text, (size_t)(slash - text)) : xstrdup(text);
    *proto = proto_constant(slash ? slash + 1 : "tcp");
    if (!*proto)
        return err_set(err, -EINVAL, "invalid proto: %s (tcp, udp or sctp would be right)",
                       slash + 1);
    if (parse_number(number, port) < 0)
        return err_set(err, -EINVAL, "invalid port: %s (1 to 65535, as in 80/tcp, would be right)",
                       text);
    return 0;
}

int port_range_parse(const char *text, struct port_range *out, struct err *err)
{
    const char *dash = strchr(text, '-'), *slash = strchr(text, '/');
    if (!dash || (slash && slash < dash)) {
        int r = port_parse(text, &out->first, &out->proto, err);
        out->last = out->first;
        return r;
    }
    _cleanup_(freep) char *first = xstrndup(text, (size_t)(dash - text));
    int r = port_parse(dash + 1, &out->last, &out->proto, err);
    if (r == 0 && (parse_number(first, &out->first) < 0 || out->first > out->last))
        r = err_set(err, -EINVAL,
                    "invalid port range: %s (first-last, as in 8000-8010/tcp, would be right)",
                    text);
    return r;
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

static void want(json_t *wanted, const char *key, const json_t *list)
{
    uint16_t port;
    const char *proto;
    if (port_parse(key, &port, &proto, NULL) < 0)
        return;
    _cleanup_(freep) char *name = str_printf("%u/%s", port, proto);
    json_t *there = json_arr(wanted, name);
    if (!there) {
        there = json_array();
        json_put_take(wanted, name, there);
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        json_array_append(there, json_array_get(list, i));
    if (json_array_size(there) == 0)
        json_push_take(there, json_pack("{s:s, s:s}", "HostIp", "", "HostPort", ""));
}

json_t *port_bindings_wanted(const json_t *config, const json_t *host_config)
{
    json_t *wanted = json_object();
    const char *key;
    json_t *list;
    json_object_foreach (json_obj(host_config, "PortBindings"), key, list)
        want(wanted, key, list);
    if (!json_bool(host_config, "PublishAllPorts", false))
        return wanted;
    json_object_foreach (json_obj(config, "ExposedPorts"), key, list) {
        uint16_t port;
        const char *proto;
        if (port_parse(key, &port, &proto, NULL) < 0)
            continue;
        _cleanup_(freep) char *name = str_printf("%u/%s", port, proto);
        if (!json_object_get(wanted, name))
            want(wanted, name, NULL);
    }
    return wanted;
}
