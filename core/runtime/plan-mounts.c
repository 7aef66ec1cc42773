/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts of the plan
 *
 * Docker's own mounts first, but those that the user has put something else at, then the user's ordered by depth, so that what lies
 * below another comes after it.
 */
#include <errno.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "runtime/host-config.h"

static json_t *new_mount(const char *target)
{
    json_t *m = json_object();
    json_put_str(m, "target", target);
    return m;
}

static json_t *flag_list(const char *words)
{
    _cleanup_(strv_fini) struct strv sv = {0};
    strv_split(&sv, words, ",");
    json_t *flags = json_array();
    const char *w;
    strv_foreach (w, &sv)
        json_push_str(flags, w);
    return flags;
}

static void push_option(json_t *options, const char *word)
{
    size_t n = strcspn(word, "=");
    _cleanup_(freep) char *key = xstrndup(word, n);
    json_t *pair = json_array();
    json_push_str(pair, key);
    json_push_take(pair, word[n] ? json_string_any(word + n + 1) : json_null());
    json_push_take(options, pair);
}

static json_t *new_fs(const char *target, const char *fs, const char *source, const char *flags,
                      const char *options)
{
    json_t *m = new_mount(target);
    json_put_str(m, "filesystem", fs);
    json_put_str(m, "source", source);
    json_put_take(m, "flags", flag_list(flags));
    _cleanup_(strv_fini) struct strv sv = {0};
    strv_split(&sv, options, ",");
    json_t *list = json_array();
    const char *w;
    strv_foreach (w, &sv)
        push_option(list, w);
    json_put_take(m, "options", list);
    return m;
}

static json_t *new_bind(const char *target, const char *source, bool writable,
                        const char *propagation)
{
    json_t *m = new_mount(target);
    json_put_str(m, "bind", source);
    json_put_bool(m, "recursive", true);
    json_put_take(m, "flags", flag_list(writable ? "" : "rro"));
    json_put_str(m, "propagation", propagation);
    return m;
}

/* --- tmpfs */

int tmpfs_options(const char *words, json_t *m, struct err *err)
{
    static const char *const flags[] = {"ro",       "rw",      "exec",        "noexec",
                                        "suid",     "nosuid",  "dev",         "nodev",
                                        "relatime", "noatime", "strictatime", "nodiratime"};
    static const char *const keys[] = {"size",      "mode",      "uid", "gid",
                                       "nr_inodes", "nr_blocks", "mpol"};
    _cleanup_(strv_fini) struct strv sv = {0};
    strv_split(&sv, words, ",");
    json_t *flag_array = flag_list("noexec,nosuid,nodev"), *options = json_array();
    json_put_take(m, "flags", flag_array); /* later words win, so the defaults stand first */
    json_put_take(m, "options", options);
    const char *w;
    strv_foreach (w, &sv) {
        size_t n = strcspn(w, "=");
        bool known = false;
        for (size_t i = 0; !w[n] && i < ARRAY_SIZE(flags) && !known; i++) {
            known = str_eq(w, flags[i]);
            if (known)
                json_push_str(flag_array, w);
        }
        for (size_t i = 0; w[n] && i < ARRAY_SIZE(keys) && !known; i++) {
            known = strlen(keys[i]) == n && strncmp(w, keys[i], n) == 0 && w[n + 1];
            if (known)
                push_option(options, w);
        }
        if (!known)
            return err_set(err, -EINVAL, "Invalid tmpfs option \"%s\"", w);
    }
    return 0;
}

static int push_tmpfs(json_t *mounts, const char *target, const char *options, bool writable,
                      struct err *err)
{
    json_t *m = new_mount(target);
    json_push_take(mounts, m);
    json_put_str(m, "filesystem", "tmpfs");
    json_put_str(m, "source", "tmpfs");
    int r = tmpfs_options(options, m, err);
    if (r == 0 && !writable)
        json_push_str(json_arr(m, "flags"), "ro");
    return r;
}

/* --- the user's */

static int push_mount_point(json_t *mounts, const json_t *mp, struct err *err)
{
    const char *type = json_str(mp, "Type", ""), *target = json_str(mp, "Destination", "");
    bool rw = json_bool(mp, "RW", true);
    if (*target != '/')
        return err_set(err, -EINVAL, "invalid mount target \"%s\": an absolute path is wanted",
                       target);
    if (str_eq(type, "tmpfs"))
        return push_tmpfs(mounts, target, json_str(mp, "Options", ""), rw, err);
    const char *source = json_str(mp, "Source", "");
    if (*source != '/')
        return err_set(err, -EINVAL, "mount at %s: the source \"%s\" is no absolute path", target,
                       source);
    const char *propagation = json_str(mp, "Propagation", "");
    json_t *m = new_bind(target, source, rw, *propagation ? propagation : "rprivate");
    json_put_bool(m, "recursive", json_bool(mp, "Recursive", true));
    if (json_bool(mp, "CreateSource", false))
        json_put_bool(m, "make_source", true);
    json_push_take(mounts, m);
    return 0;
}

static bool has_target(const json_t *mounts, const char *target)
{
    size_t i;
    json_t *m;
    json_array_foreach (mounts, i, m) {
        if (str_eq(json_str(m, "target", ""), target))
            return true;
    }
    return false;
}

static void push_file(json_t *mounts, const char *target, const char *source, bool readonly)
{
    if (!source || has_target(mounts, target))
        return;
    json_t *m = new_bind(target, source, true, "rprivate");
    if (readonly)
        json_push_str(json_arr(m, "flags"), "ro");
    json_push_take(mounts, m);
}

static bool wants_init(const struct runtime_input *in)
{
    return in->init_path && json_bool(in->host_config, "Init", false) &&
           !mode_is_host(in->host_config, "PidMode");
}

static int user_mounts(const struct runtime_input *in, json_t *mounts, struct err *err)
{
    size_t i;
    json_t *mp;
    json_array_foreach (in->mounts, i, mp) {
        int r = push_mount_point(mounts, mp, err);
        if (r < 0)
            return r;
    }
    const char *path;
    json_t *options;
    json_object_foreach (json_obj(in->host_config, "Tmpfs"), path, options) {
        _cleanup_(freep) char *clean = fs_clean_path(path);
        int r = push_tmpfs(mounts, clean, json_is_string(options) ? json_string_value(options) : "",
                           true, err);
        if (r < 0)
            return r;
    }
    bool readonly = json_bool(in->host_config, "ReadonlyRootfs", false);
    push_file(mounts, "/etc/resolv.conf", in->resolv_path, readonly);
    push_file(mounts, "/etc/hostname", in->hostname_path, readonly);
    push_file(mounts, "/etc/hosts", in->hosts_path, readonly);
    if (wants_init(in))
        push_file(mounts, "/sbin/docker-init", in->init_path, true);
    return 0;
}

static size_t depth(const json_t *m)
{
    size_t n = 0;
    for (const char *p = json_str(m, "target", ""); *p; p++)
        n += *p == '/' && p[1] && p[1] != '/';
    return n;
}

/* Stable, so that of two at one depth the first given stays the first. */
static void append_by_depth(json_t *out, const json_t *mounts)
{
    size_t left = json_array_size(mounts);
    for (size_t d = 0; left > 0; d++) {
        size_t i;
        json_t *m;
        json_array_foreach (mounts, i, m) {
            if (depth(m) != d)
                continue;
            json_array_append(out, m);
            left--;
        }
    }
}

/* --- Docker's own */

static json_t *shm_mount(const json_t *hc)
{
    if (mode_is_host(hc, "IpcMode"))
        return new_bind("/dev/shm", "/dev/shm", true, "rprivate");
    _cleanup_(freep) char *options =
        str_printf("mode=1777,size=%lldk", (long long)(json_int(hc, "ShmSize", 64 << 20) / 1024));
    return new_fs("/dev/shm", "tmpfs", "shm", "nosuid,noexec,nodev", options);
}

static json_t *own_mounts(const struct runtime_input *in, const struct security_opts *sec)
{
    const json_t *hc = in->host_config;
    bool privileged = json_bool(hc, "Privileged", false);
    json_t *own = json_array();
    json_push_take(own, new_fs("/proc", "proc", "proc", "nosuid,noexec,nodev", ""));
    json_push_take(own,
                   new_fs("/dev", "tmpfs", "tmpfs", "nosuid,strictatime", "mode=755,size=65536k"));
    json_push_take(own, new_fs("/dev/pts", "devpts", "devpts", "nosuid,noexec",
                               "newinstance,ptmxmode=0666,mode=0620,gid=5"));
    json_push_take(own, new_fs("/sys", "sysfs", "sysfs",
                               privileged ? "nosuid,noexec,nodev" : "nosuid,noexec,nodev,ro", ""));
    if (in->cgroup)
        cgroup_plan_mounts(in->cgroup, in->id, !mode_is_host(hc, "CgroupnsMode"),
                           sec->writable_cgroups, own);
    /* The queues are those of the ipc namespace that the child is in, the host's too; the host itself
     * need not have them mounted. */
    json_push_take(own, new_fs("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev", ""));
    if (!str_eq(json_str(hc, "IpcMode", ""), "none"))
        json_push_take(own, shm_mount(hc));
    return own;
}

/* The user has put something at this place, or at /dev or /sys/fs/cgroup above it. */
static bool is_replaced(const json_t *users, const char *target)
{
    return has_target(users, target) || (str_after(target, "/dev/") && has_target(users, "/dev")) ||
           (str_after(target, "/sys/fs/cgroup/") && has_target(users, "/sys/fs/cgroup"));
}

json_t *plan_mounts(const struct runtime_input *in, const struct security_opts *sec,
                    struct err *err)
{
    json_auto_t *users = json_array();
    if (user_mounts(in, users, err) < 0)
        return NULL;
    json_auto_t *own = own_mounts(in, sec);
    json_t *mounts = json_array();
    size_t i;
    json_t *m;
    json_array_foreach (own, i, m) {
        if (!is_replaced(users, json_str(m, "target", "")))
            json_array_append(mounts, m);
    }
    append_by_depth(mounts, users);
    return mounts;
}
