/* SPDX-License-Identifier: Apache-2.0 */
/* Ulimits and sysctls of a container. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/host-config.h"

static const char *const limit_names[] = {"core",    "cpu",      "data",   "fsize",      "locks",
                                          "memlock", "msgqueue", "nice",   "nofile",     "nproc",
                                          "rss",     "rtprio",   "rttime", "sigpending", "stack"};

static int check_ulimit(const json_t *u, struct err *err)
{
    const char *name = json_str(u, "Name", "");
    bool known = false;
    for (size_t i = 0; i < ARRAY_SIZE(limit_names); i++)
        known = known || str_eq(name, limit_names[i]);
    if (!known)
        return err_set(err, -EINVAL, "invalid ulimit type: %s", name);
    int64_t soft = json_int(u, "Soft", 0), hard = json_int(u, "Hard", 0);
    if (soft < -1 || hard < -1)
        return err_set(err, -EINVAL, "ulimit %s: a limit is a number, or -1 for none", name);
    if (hard != -1 && (soft == -1 || soft > hard))
        return err_set(err, -EINVAL,
                       "ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
                       (long long)soft, (long long)hard);
    return 0;
}

static bool names_limit(const json_t *list, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach (list, i, item) {
        if (str_eq(json_str(item, "Name", ""), name))
            return true;
    }
    return false;
}

/* `by_default`: nobody asked for it in this container, so less than that is better than no start. */
static void push_limit(json_t *out, const json_t *u, bool by_default)
{
    json_t *limit = json_object();
    json_put_str(limit, "type", json_str(u, "Name", ""));
    json_put_int(limit, "soft", json_int(u, "Soft", 0));
    json_put_int(limit, "hard", json_int(u, "Hard", 0));
    if (by_default)
        json_put_bool(limit, "default", true);
    json_push_take(out, limit);
}

json_t *rlimits_of(const json_t *host_config, const json_t *default_ulimits, struct err *err)
{
    json_auto_t *out = json_array();
    const json_t *own = json_arr(host_config, "Ulimits");
    size_t i;
    json_t *item;
    json_array_foreach (own, i, item) {
        if (check_ulimit(item, err) < 0)
            return NULL;
        push_limit(out, item, false);
    }
    json_array_foreach (default_ulimits, i, item) {
        if (check_ulimit(item, err) < 0)
            return NULL;
        if (!names_limit(own, json_str(item, "Name", "")))
            push_limit(out, item, true);
    }
    return steal_ptr(&out);
}

/* --- sysctls */

static bool is_ipc(const char *key)
{
    static const char *const keys[] = {"kernel.msgmax", "kernel.msgmnb",         "kernel.msgmni",
                                       "kernel.sem",    "kernel.shmall",         "kernel.shmmax",
                                       "kernel.shmmni", "kernel.shm_rmid_forced"};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (str_eq(key, keys[i]))
            return true;
    }
    return str_after(key, "fs.mqueue.") != NULL;
}

int sysctls_check(const json_t *host_config, struct err *err)
{
    const char *key;
    json_t *v;
    json_object_foreach (json_obj(host_config, "Sysctls"), key, v) {
        if (!json_is_string(v) || strstr(key, "..") || strchr(key, '/'))
            return err_set(err, -EINVAL, "invalid sysctl \"%s\": a dotted name and a string", key);
        bool net = str_after(key, "net.") != NULL, ipc = is_ipc(key);
        if (!net && !ipc && !str_eq(key, "kernel.domainname"))
            return err_set(err, -EINVAL, "sysctl \"%s\" is not in a separate kernel namespace",
                           key);
        if (net && mode_is_host(host_config, "NetworkMode"))
            return err_set(err, -EINVAL, "sysctl \"%s\" not allowed in host network namespace",
                           key);
        if (ipc && mode_is_host(host_config, "IpcMode"))
            return err_set(err, -EINVAL, "sysctl \"%s\" not allowed in host ipc namespace", key);
    }
    return 0;
}

static void put_net_default(json_t *out, const char *key, const char *path, const char *value)
{
    if (access(path, F_OK) == 0)
        json_put_str(out, key, value);
}

json_t *plan_sysctls(const json_t *host_config, bool netns)
{
    json_t *out = json_object();
    if (netns) {
        put_net_default(out, "net.ipv4.ip_unprivileged_port_start",
                        "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
        put_net_default(out, "net.ipv4.ping_group_range", "/proc/sys/net/ipv4/ping_group_range",
                        "0 2147483647");
    }
    json_object_update(out, json_obj(host_config, "Sysctls"));
    return out;
}
