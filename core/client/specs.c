/* SPDX-License-Identifier: Apache-2.0 */
/* The small languages of -p and --mount. */
#include <errno.h>

#include "base/json.h"
#include "client/run-options.h"

struct port_range {
    int64_t from, to;
};

static int parse_range(const char *s, struct port_range *out)
{
    const char *dash = strchr(s, '-');
    _cleanup_(freep) char *first = dash ? xstrndup(s, (size_t)(dash - s)) : xstrdup(s);
    if (parse_i64(first, 0, 65535, &out->from) < 0)
        return -EINVAL;
    out->to = out->from;
    if (dash && parse_i64(dash + 1, out->from, 65535, &out->to) < 0)
        return -EINVAL;
    return 0;
}

static void bind_port(json_t *bindings, const char *key, const char *ip,
                      const struct port_range *host, int64_t offset, bool any)
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
        json_put_strf(b, "HostPort", "%lld-%lld", (long long)host->from, (long long)host->to);
    else
        json_put_strf(b, "HostPort", "%lld", (long long)(host->from + offset));
    json_push_take(list, b);
}

/* Cuts "[IP:][HOST:]CONTAINER" at its last two colons outside of brackets; in place. */
static void cut_spec(char *s, char **ip, char **host, char **container)
{
    char *colon = strrchr(s, ':');
    *ip = *host = NULL;
    *container = s;
    if (!colon)
        return;
    *colon = '\0';
    *container = colon + 1;
    *host = s;
    char *bracket = strchr(s, ']');
    colon = bracket ? strchr(bracket, ':') : strrchr(s, ':');
    if (!colon) {
        if (!bracket)
            return;
        *ip = s;
        *host = s + strlen(s);
        return;
    }
    *colon = '\0';
    *ip = s;
    *host = colon + 1;
}

int publish_spec(const char *spec, json_t *exposed, json_t *bindings, struct err *err)
{
    _cleanup_(freep) char *copy = xstrdup(spec);
    char *slash = strrchr(copy, '/'), *ip, *host_text, *container_text;
    const char *proto = slash ? slash + 1 : "tcp";
    if (slash)
        *slash = '\0';
    if (!str_eq(proto, "tcp") && !str_eq(proto, "udp") && !str_eq(proto, "sctp"))
        return err_set(err, -EINVAL, "invalid proto: %s in \"%s\": tcp, udp or sctp", proto, spec);
    cut_spec(copy, &ip, &host_text, &container_text);
    struct port_range host = {0}, container;
    if (parse_range(container_text, &container) < 0 || container.from == 0)
        return err_set(err, -EINVAL,
                       "invalid containerPort: %s in \"%s\": a port from 1 to 65535, or a range",
                       container_text, spec);
    bool has_host = !str_empty(host_text);
    if (has_host && parse_range(host_text, &host) < 0)
        return err_set(err, -EINVAL,
                       "invalid hostPort: %s in \"%s\": a port up to 65535, or a range", host_text,
                       spec);
    bool any = has_host && container.from == container.to && host.from != host.to;
    if (has_host && !any && host.to - host.from != container.to - container.from)
        return err_set(err, -EINVAL,
                       "invalid ranges specified for container and host ports: %s and %s",
                       container_text, host_text);
    if (ip && *ip == '[') {
        ip++;
        ip[strcspn(ip, "]")] = '\0';
    }
    for (int64_t p = container.from; p <= container.to; p++) {
        _cleanup_(freep) char *key = str_printf("%lld/%s", (long long)p, proto);
        json_put_take(exposed, key, json_object());
        if (bindings)
            bind_port(bindings, key, ip ? ip : "", has_host ? &host : NULL, p - container.from,
                      any);
    }
    return 0;
}

/* One "key=value" of --mount into the mount object; -EINVAL for a key that does not exist. */
static int mount_member(json_t *m, const char *key, const char *value)
{
    static const struct {
        const char *key, *object, *member;
        char kind; /* s, b (true unless given), n (negated), z (size) */
    } keys[] = {{"type", NULL, "Type", 's'},
                {"source", NULL, "Source", 's'},
                {"src", NULL, "Source", 's'},
                {"target", NULL, "Target", 's'},
                {"destination", NULL, "Target", 's'},
                {"dst", NULL, "Target", 's'},
                {"readonly", NULL, "ReadOnly", 'b'},
                {"ro", NULL, "ReadOnly", 'b'},
                {"consistency", NULL, "Consistency", 's'},
                {"bind-propagation", "BindOptions", "Propagation", 's'},
                {"bind-nonrecursive", "BindOptions", "NonRecursive", 'b'},
                {"bind-create-src", "BindOptions", "CreateMountpoint", 'b'},
                {"volume-nocopy", "VolumeOptions", "NoCopy", 'b'},
                {"volume-subpath", "VolumeOptions", "Subpath", 's'},
                {"tmpfs-size", "TmpfsOptions", "SizeBytes", 'z'},
                {"tmpfs-mode", "TmpfsOptions", "Mode", 'o'}};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (!str_eq(key, keys[i].key))
            continue;
        json_t *o = m;
        int64_t n = 0;
        bool b = true;
        if (keys[i].object) {
            json_default_take(m, keys[i].object, json_object());
            o = json_obj(m, keys[i].object);
        }
        if (keys[i].kind == 's')
            json_put_str(o, keys[i].member, value ? value : "");
        else if (keys[i].kind == 'b' && (!value || parse_bool(value, &b) == 0))
            json_put_bool(o, keys[i].member, b);
        else if (keys[i].kind == 'z' && parse_size(value, &n) == 0)
            json_put_int(o, keys[i].member, n);
        else if (keys[i].kind == 'o' && value && str_only(value, "01234567"))
            json_put_int(o, keys[i].member, strtoll(value, NULL, 8));
        else
            return -EINVAL;
        return 0;
    }
    return -EINVAL;
}

int mount_spec(const char *spec, json_t **out, struct err *err)
{
    json_auto_t *m = json_object();
    struct strv parts = {0};
    int r = 0;
    json_put_str(m, "Type", "volume");
    strv_split(&parts, spec, ",");
    for (size_t i = 0; r == 0 && i < parts.n; i++) {
        char *eq = strchr(parts.v[i], '=');
        if (eq)
            *eq = '\0';
        if (mount_member(m, parts.v[i], eq ? eq + 1 : NULL) < 0)
            r = err_set(err, -EINVAL, "invalid field \"%s\" in --mount \"%s\"", parts.v[i], spec);
    }
    strv_fini(&parts);
    if (r == 0 && !json_str(m, "Target", NULL))
        r = err_set(err, -EINVAL, "--mount \"%s\": target is required", spec);
    if (r == 0)
        *out = json_incref(m);
    return r;
}
