/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups: what of them goes into a container's plan. */
#include "runtime/cgroup-internal.h"

#include <stdio.h>

#include "base/json.h"

json_t *cgroup_plan(const struct cgroup *cg, const char *id)
{
    json_t *plan = json_object();
    json_put_int(plan, "version", cg->version);
    if (cg->version == 2) {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[0], id);
        json_put_str(plan, "path", dir);
        return plan;
    }
    json_t *join = json_array();
    for (size_t i = 0; i < cg->n; i++) {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[i], id);
        _cleanup_(freep) char *tasks = str_printf("%s/tasks", dir);
        json_push_str(join, tasks);
    }
    json_put_take(plan, "join", join);
    return plan;
}

json_t *cgroup_plan_oom(const struct cgroup *cg, const char *id)
{
    const struct cgroup_hier *h = cgroup_hier_of(cg, "memory");
    if (!h)
        return json_null();
    _cleanup_(freep) char *dir = cgroup_dir(cg, h, id);
    json_t *oom = json_object();
    json_put_strf(oom, "path", "%s/%s", dir, h->v2 ? "memory.events" : "memory.oom_control");
    return oom;
}

static json_t *flags_of(bool writable, bool relatime)
{
    json_t *flags = json_array();
    json_push_str(flags, "nosuid");
    json_push_str(flags, "noexec");
    json_push_str(flags, "nodev");
    if (relatime)
        json_push_str(flags, "relatime");
    if (!writable)
        json_push_str(flags, "ro");
    return flags;
}

static json_t *push_mount(json_t *mounts, const char *target, const char *fs, const char *source)
{
    json_t *m = json_object();
    json_put_str(m, "target", target);
    if (fs)
        json_put_str(m, "filesystem", fs);
    if (source)
        json_put_str(m, "source", source);
    json_push_take(mounts, m);
    return m;
}

/* "memory", "cpu,cpuacct", "systemd": what the hierarchy's directory is called in the container. */
static char *dir_name(const struct cgroup_hier *h)
{
    char *name = xstrndup(h->controllers + 1, strlen(h->controllers) - 2);
    const char *named = str_after(name, "name=");
    if (!named)
        return name;
    char *bare = xstrdup(named);
    free(name);
    return bare;
}

/* "cpu" → "cpu,cpuacct", so that programs find a controller by its own name. */
static void push_links(const struct cgroup_hier *h, const char *name, json_t *mounts)
{
    if (!strchr(name, ','))
        return;
    _cleanup_(strv_fini) struct strv parts = {0};
    strv_split(&parts, h->controllers, ",");
    const char *part;
    strv_foreach (part, &parts) {
        _cleanup_(freep) char *target = str_printf("/sys/fs/cgroup/%s", part);
        json_t *m = push_mount(mounts, target, NULL, NULL);
        json_put_str(m, "symlink", name);
    }
}

/* A tmpfs with each hierarchy's own part of the container bound into it, then closed for writing. */
static void mounts_v1(const struct cgroup *cg, const char *id, bool writable, json_t *mounts)
{
    json_t *top = push_mount(mounts, "/sys/fs/cgroup", "tmpfs", "tmpfs");
    json_put_take(top, "flags", flags_of(true, false));
    json_put_take(top, "options", json_pack("[[ss]]", "mode", "755"));
    for (size_t i = 0; i < cg->n; i++) {
        const struct cgroup_hier *h = &cg->hiers[i];
        _cleanup_(freep) char *name = dir_name(h);
        _cleanup_(freep) char *target = str_printf("/sys/fs/cgroup/%s", name);
        _cleanup_(freep) char *dir = cgroup_dir(cg, h, id);
        json_t *m = push_mount(mounts, target, NULL, NULL);
        json_put_str(m, "bind", dir);
        json_put_take(m, "flags", flags_of(writable, true));
        json_put_str(m, "propagation", "rprivate");
        push_links(h, name, mounts);
    }
    if (writable)
        return;
    json_t *close = push_mount(mounts, "/sys/fs/cgroup", NULL, NULL);
    json_put_bool(close, "remount", true);
    json_put_take(close, "flags", flags_of(false, false));
}

void cgroup_plan_mounts(const struct cgroup *cg, const char *id, bool private_ns, bool writable,
                        json_t *mounts)
{
    if (cg->n == 0)
        return;
    if (cg->version == 1) {
        mounts_v1(cg, id, writable, mounts);
        return;
    }
    json_t *m;
    if (private_ns) {
        m = push_mount(mounts, "/sys/fs/cgroup", "cgroup2", "cgroup");
    } else {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[0], id);
        m = push_mount(mounts, "/sys/fs/cgroup", NULL, NULL);
        json_put_str(m, "bind", dir);
        json_put_str(m, "propagation", "rprivate");
    }
    json_put_take(m, "flags", flags_of(writable, true));
}
