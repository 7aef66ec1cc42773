/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices
 *
 * HostConfig.Devices names device nodes, or directories that are walked for them. The same walk gives the nodes for the plan and the rules for
 * the control group, so that neither can have what the other lacks. A privileged container gets all of /dev, but what is a terminal of
 * somebody else or a mount of its own.
 */
#include "runtime/devices.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/json.h"
#include "base/str.h"

#define DEPTH_MAX 16

void device_rules_fini(struct device_rules *rules)
{
    free(rules->v);
    *rules = (struct device_rules){0};
}

static void rules_add(struct device_rules *rules, const struct device_rule *rule)
{
    if (rules->n == rules->cap) {
        rules->cap = rules->cap ? rules->cap * 2 : 16;
        rules->v = xrealloc(rules->v, rules->cap * sizeof *rules->v);
    }
    rules->v[rules->n++] = *rule;
}

static int parse_access(const char *s, struct device_rule *out)
{
    if (!str_only(s, "rwm") || strlen(s) > 3)
        return -EINVAL;
    out->read = strchr(s, 'r') != NULL;
    out->write = strchr(s, 'w') != NULL;
    out->mknod = strchr(s, 'm') != NULL;
    return 0;
}

static int parse_number(const char *s, int *out)
{
    int64_t n = DEVICE_ANY;
    if (!str_eq(s, "*") && (!str_only(s, "0123456789") || parse_i64(s, 0, INT32_MAX, &n) < 0))
        return -EINVAL;
    *out = (int)n;
    return 0;
}

int device_rule_parse(const char *text, struct device_rule *out)
{
    _cleanup_(strv_fini) struct strv words = {0};
    strv_split(&words, text, " ");
    if (words.n != 3 || strlen(words.v[0]) != 1 || !strchr("abc", words.v[0][0]))
        return -EINVAL;
    char *colon = strchr(words.v[1], ':');
    if (!colon)
        return -EINVAL;
    *colon = 0;
    out->type = words.v[0][0];
    if (parse_number(words.v[1], &out->major) < 0 || parse_number(colon + 1, &out->minor) < 0)
        return -EINVAL;
    return parse_access(words.v[2], out);
}

static void add_defaults(struct device_rules *rules)
{
    /* Any node may be made (mknod gives no access); null, zero, full, random, urandom, tty, console, ptmx and ptys are usable. */
    static const char *const texts[] = {"c *:* m",   "b *:* m",   "c 1:3 rwm",  "c 1:5 rwm",
                                        "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm",  "c 5:0 rwm",
                                        "c 5:1 rwm", "c 5:2 rwm", "c 136:* rwm"};
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct device_rule rule = {0};
        if (device_rule_parse(texts[i], &rule) == 0)
            rules_add(rules, &rule);
    }
}

/* --- the walk */

struct walk {
    void (*fn)(void *arg, const char *path, const struct stat *st);
    void *arg;
    bool privileged; /* walks the machine's /dev: skip what is not for others */
};

static bool is_skipped(const struct walk *w, const char *name)
{
    static const char *const skipped[] = {"pts",         "shm",   "fd",      "mqueue", ".lxc",
                                          ".lxd-mounts", ".udev", "console", "ptmx"};
    for (size_t i = 0; w->privileged && i < ARRAY_SIZE(skipped); i++) {
        if (str_eq(name, skipped[i]))
            return true;
    }
    return str_eq(name, ".") || str_eq(name, "..");
}

static int walk_path(const struct walk *w, const char *host, const char *inside, int depth)
{
    struct stat st;
    if (stat(host, &st) < 0)
        return -errno;
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
        w->fn(w->arg, inside, &st);
        return 1;
    }
    if (!S_ISDIR(st.st_mode) || depth > DEPTH_MAX)
        return 0;
    _cleanup_(closedirp) DIR *d = opendir(host);
    if (!d)
        return -errno;
    int found = 0;
    const struct dirent *e;
    while ((e = readdir(d))) {
        if (is_skipped(w, e->d_name) || e->d_type == DT_LNK)
            continue;
        _cleanup_(freep) char *h = str_printf("%s/%s", host, e->d_name);
        _cleanup_(freep) char *i = str_printf("%s/%s", inside, e->d_name);
        int r = walk_path(w, h, i, depth + 1); /* one that went away meanwhile is not there */
        found += r > 0 ? r : 0;
    }
    return found;
}

static int walk_device(const struct walk *w, const json_t *device, struct err *err)
{
    const char *host = json_str(device, "PathOnHost", "");
    const char *inside = json_str(device, "PathInContainer", "");
    if (*host != '/')
        return err_set(err, -EINVAL, "Devices: PathOnHost \"%s\" must be an absolute path", host);
    if (*inside && *inside != '/')
        return err_set(err, -EINVAL, "Devices: PathInContainer \"%s\" must be an absolute path",
                       inside);
    int r = walk_path(w, host, *inside ? inside : host, 0);
    if (r < 0)
        return err_errno(
            err, r, "error gathering device information while adding custom device \"%s\"", host);
    if (r == 0)
        return err_set(err, -EINVAL,
                       "error gathering device information while adding custom device \"%s\": "
                       "not a device node",
                       host);
    return 0;
}

struct rule_sink {
    struct device_rules *rules;
    struct device_rule access;
};

static void sink_rule(void *arg, const char *path, const struct stat *st)
{
    (void)path;
    struct rule_sink *s = arg;
    struct device_rule rule = s->access;
    rule.type = S_ISCHR(st->st_mode) ? 'c' : 'b';
    rule.major = (int)major(st->st_rdev);
    rule.minor = (int)minor(st->st_rdev);
    rules_add(s->rules, &rule);
}

static int add_custom_rules(const json_t *host_config, struct device_rules *rules, struct err *err)
{
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(host_config, "DeviceCgroupRules"), i, item) {
        struct device_rule rule = {0};
        const char *text = json_string_value(item);
        if (!text || device_rule_parse(text, &rule) < 0)
            return err_set(err, -EINVAL, "invalid device cgroup rule format: '%s'",
                           text ? text : "");
        rules_add(rules, &rule);
    }
    return 0;
}

int device_rules_of(const json_t *host_config, struct device_rules *rules, struct err *err)
{
    if (json_bool(host_config, "Privileged", false)) {
        rules_add(rules, &(struct device_rule){'a', DEVICE_ANY, DEVICE_ANY, true, true, true});
        return 0;
    }
    add_defaults(rules);
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(host_config, "Devices"), i, item) {
        struct rule_sink sink = {.rules = rules};
        const char *access = json_str(item, "CgroupPermissions", "");
        if (parse_access(*access ? access : "rwm", &sink.access) < 0)
            return err_set(err, -EINVAL, "invalid device mode \"%s\": letters of \"rwm\"", access);
        int r = walk_device(&(struct walk){.fn = sink_rule, .arg = &sink}, item, err);
        if (r < 0)
            return r;
    }
    return add_custom_rules(host_config, rules, err);
}

/* --- nodes */

static void push_node(json_t *nodes, const char *path, char type, unsigned maj, unsigned min,
                      mode_t mode, uid_t uid, gid_t gid)
{
    json_t *node = json_object();
    json_put_str(node, "path", path);
    json_put_str(node, "type", type == 'c' ? "c" : "b");
    json_put_int(node, "major", maj);
    json_put_int(node, "minor", min);
    json_put_int(node, "mode", mode);
    json_put_int(node, "uid", uid);
    json_put_int(node, "gid", gid);
    json_push_take(nodes, node);
}

static void sink_node(void *arg, const char *path, const struct stat *st)
{
    push_node(arg, path, S_ISCHR(st->st_mode) ? 'c' : 'b', major(st->st_rdev), minor(st->st_rdev),
              st->st_mode & 07777, st->st_uid, st->st_gid);
}

void device_nodes_default(json_t *nodes)
{
    push_node(nodes, "/dev/null", 'c', 1, 3, 0666, 0, 0);
    push_node(nodes, "/dev/random", 'c', 1, 8, 0666, 0, 0);
    push_node(nodes, "/dev/full", 'c', 1, 7, 0666, 0, 0);
    push_node(nodes, "/dev/tty", 'c', 5, 0, 0666, 0, 0);
    push_node(nodes, "/dev/zero", 'c', 1, 5, 0666, 0, 0);
    push_node(nodes, "/dev/urandom", 'c', 1, 9, 0666, 0, 0);
}

int device_nodes_of(const json_t *host_config, json_t *nodes, struct err *err)
{
    struct walk w = {.fn = sink_node, .arg = nodes};
    if (json_bool(host_config, "Privileged", false)) {
        w.privileged = true;
        int r = walk_path(&w, "/dev", "/dev", 0);
        return r < 0 ? err_errno(err, r, "reading /dev") : 0;
    }
    size_t i;
    json_t *item;
    json_array_foreach (json_arr(host_config, "Devices"), i, item) {
        int r = walk_device(&w, item, err);
        if (r < 0)
            return r;
    }
    return 0;
}
