/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control groups: layout, names, life
 *
 * The layout is read once from mountinfo. A hierarchy that several mounts show counts once, the first one wins. On a hybrid
 * machine the v2 tree has no controllers and is left alone: joining it costs each start a grace period and gives nothing.
 */
#include "runtime/cgroup-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"

static void hier_fini(struct cgroup_hier *h)
{
    free(h->mount);
    free(h->base);
    free(h->controllers);
}

void cgroup_close(struct cgroup *cg)
{
    if (!cg)
        return;
    for (size_t i = 0; i < cg->n; i++)
        hier_fini(&cg->hiers[i]);
    free(cg->parent);
    free(cg->origin);
    free(cg);
}

static bool has_controller(const struct cgroup_hier *h, const char *controller)
{
    _cleanup_(freep) char *key = str_printf(",%s,", controller);
    return strstr(h->controllers, key) != NULL;
}

const struct cgroup_hier *cgroup_hier_of(const struct cgroup *cg, const char *controller)
{
    for (size_t i = 0; i < cg->n; i++) {
        if (has_controller(&cg->hiers[i], controller))
            return &cg->hiers[i];
    }
    return NULL;
}

/* mountinfo writes space, tab, newline and backslash as three octal digits. */
static char *unescape(const char *s)
{
    char *out = xmalloc(strlen(s) + 1), *w = out;
    while (*s) {
        if (s[0] == '\\' && s[1] && s[2] && s[3]) {
            *w++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 4;
        } else {
            *w++ = *s++;
        }
    }
    *w = 0;
    return out;
}

/* The controllers of a v1 mount are those of its super options that are not options of a mount. */
static char *controllers_v1(const char *super)
{
    static const char *const options[] = {
        "rw",           "ro",  "noprefix", "xattr", "clone_children", "cpuset_v2_mode",
        "favordynmods", "none"};
    _cleanup_(strv_fini) struct strv words = {0};
    strv_split(&words, super, ",");
    struct buf b = {0};
    buf_addc(&b, ',');
    const char *w;
    strv_foreach (w, &words) {
        bool option = str_after(w, "release_agent=") != NULL;
        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
            option = option || str_eq(w, options[i]);
        if (!option)
            buf_printf(&b, "%s,", w);
    }
    return buf_steal(&b);
}

static bool is_known(const struct cgroup *cg, const char *controllers)
{
    for (size_t i = 0; i < cg->n; i++) {
        if (str_eq(cg->hiers[i].controllers, controllers))
            return true;
    }
    return false;
}

/* One line of mountinfo: … root mountpoint options [tags] - type source super. */
static void read_mount(struct cgroup *cg, const char *line, char **v2_mount)
{
    const char *sep = strstr(line, " - cgroup");
    if (!sep || cg->n == CGROUP_HIERS_MAX)
        return;
    _cleanup_(strv_fini) struct strv left = {0}, right = {0};
    strv_split(&left, line, " ");
    strv_split(&right, sep + 3, " ");
    if (left.n < 5 || right.n < 3)
        return;
    if (str_eq(right.v[0], "cgroup2")) {
        if (!*v2_mount)
            *v2_mount = unescape(left.v[4]);
        return;
    }
    if (!str_eq(right.v[0], "cgroup"))
        return;
    _cleanup_(freep) char *controllers = controllers_v1(right.v[2]);
    if (controllers[1] == 0 || is_known(cg, controllers))
        return;
    struct cgroup_hier *h = &cg->hiers[cg->n++];
    h->mount = unescape(left.v[4]);
    h->base = xstrdup(h->mount);
    h->controllers = steal_ptr(&controllers);
}

static bool is_delegated(const char *dir)
{
    char value[4];
    return getxattr(dir, "trusted.delegate", value, sizeof value) == 1 ||
           getxattr(dir, "user.delegate", value, sizeof value) == 1;
}

/* Where ours go on v2: below the unit's group when systemd delegated it (also when this process was started from inside
 * the tree of an earlier run), else at the root. */
static char *base_v2(struct cgroup *cg, const char *mount, const char *self_cgroup)
{
    const char *own = strstr(self_cgroup, "0::/");
    if (!own)
        return xstrdup(mount);
    _cleanup_(freep) char *path = xstrndup(own + 3, strcspn(own + 3, "\n"));
    _cleanup_(freep) char *inside = str_printf("/%s/engine", cg->parent);
    bool ours = str_ends(path, inside);
    if (ours)
        path[strlen(path) - strlen(inside)] = 0;
    _cleanup_(freep) char *dir = str_printf("%s%s", mount, str_eq(path, "/") ? "" : path);
    if (!ours)
        cg->origin = xstrdup(dir);
    return is_delegated(dir) ? steal_ptr(&dir) : xstrdup(mount);
}

static void add_v2(struct cgroup *cg, const char *mount, const char *self_cgroup)
{
    struct cgroup_hier *h = &cg->hiers[cg->n++];
    h->v2 = true;
    h->mount = xstrdup(mount);
    h->base = base_v2(cg, mount, self_cgroup);
    _cleanup_(freep) char *path = str_printf("%s/cgroup.controllers", h->base);
    _cleanup_(freep) char *text = NULL;
    _cleanup_(strv_fini) struct strv words = {0};
    if (fs_read(AT_FDCWD, path, 4096, &text, NULL) == 0)
        strv_split(&words, text, " \n");
    _cleanup_(freep) char *joined = words.n ? strv_join(&words, ",") : xstrdup("");
    h->controllers = str_printf(",%s%s", joined, *joined ? "," : "");
}

int cgroup_open_texts(const char *parent, const char *instance, const char *mountinfo,
                      const char *self_cgroup, struct cgroup **out, struct err *err)
{
    if (str_empty(parent) || strchr(parent, '/') || parent[0] == '.')
        return err_set(err, -EINVAL,
                       "runtime.cgroup_parent: \"%s\" must be one name, without a slash", parent);
    _cleanup_(cgroup_closep) struct cgroup *cg = xcalloc(1, sizeof *cg);
    cg->parent = str_printf("%s-%s", parent, instance);
    _cleanup_(strv_fini) struct strv lines = {0};
    strv_split(&lines, mountinfo, "\n");
    _cleanup_(freep) char *v2_mount = NULL;
    const char *line;
    strv_foreach (line, &lines)
        read_mount(cg, line, &v2_mount);
    cg->version = cgroup_hier_of(cg, "memory") || cgroup_hier_of(cg, "pids") || !v2_mount ? 1 : 2;
    if (cg->version == 2) {
        while (cg->n > 0) /* a bare name=systemd beside v2 */
            hier_fini(&cg->hiers[--cg->n]);
        memset(cg->hiers, 0, sizeof cg->hiers);
        add_v2(cg, v2_mount, self_cgroup);
    }
    *out = steal_ptr(&cg);
    return 0;
}

int cgroup_open(const char *parent, const char *instance, struct cgroup **out, struct err *err)
{
    _cleanup_(freep) char *mountinfo = NULL, *self = NULL;
    int r = fs_read(AT_FDCWD, "/proc/self/mountinfo", 64 << 20, &mountinfo, NULL);
    if (r < 0)
        return err_errno(err, r, "reading /proc/self/mountinfo");
    r = fs_read(AT_FDCWD, "/proc/self/cgroup", 1 << 20, &self, NULL);
    if (r < 0)
        return err_errno(err, r, "reading /proc/self/cgroup");
    return cgroup_open_texts(parent, instance, mountinfo, self, out, err);
}

int cgroup_version(const struct cgroup *cg)
{
    return cg->version;
}

char *cgroup_dir(const struct cgroup *cg, const struct cgroup_hier *h, const char *child)
{
    return child ? str_printf("%s/%s/%s", h->base, cg->parent, child)
                 : str_printf("%s/%s", h->base, cg->parent);
}

char *cgroup_path(const struct cgroup *cg, const char *id, const char *controller)
{
    const struct cgroup_hier *h = controller ? cgroup_hier_of(cg, controller) : NULL;
    if (!controller && cg->version == 2)
        h = &cg->hiers[0];
    return h ? cgroup_dir(cg, h, id) : NULL;
}

int cgroup_write(const char *dir, const char *file, const char *value, struct err *err)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", dir, file);
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, -errno, "opening %s", path);
    size_t n = strlen(value);
    ssize_t r = write(fd, value, n);
    if (r < 0)
        return err_errno(err, -errno, "writing \"%s\" to %s", value, path);
    return (size_t)r == n ? 0 : err_set(err, -EIO, "writing %s: cut short", path);
}

int cgroup_write_int(const char *dir, const char *file, int64_t value, struct err *err)
{
    _cleanup_(freep) char *text = str_printf("%lld", (long long)value);
    return cgroup_write(dir, file, text, err);
}

/* --- making groups */

/* A new cpuset group on v1 is empty and takes no process until it has cpus and mems. */
static int cpuset_copy(const char *from, const char *to, struct err *err)
{
    static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        _cleanup_(freep) char *src = str_printf("%s/%s", from, files[i]);
        _cleanup_(freep) char *value = NULL;
        int r = fs_read(AT_FDCWD, src, 65536, &value, NULL);
        if (r < 0)
            return err_errno(err, r, "reading %s", src);
        r = cgroup_write(to, files[i], str_trim(value), err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* On v2 a controller works in a group's children only when the group says so. One that cannot be enabled is simply not there;
 * limits that need it fail by name. */
static void enable_controllers(const struct cgroup_hier *h, const char *dir)
{
    _cleanup_(strv_fini) struct strv words = {0};
    strv_split(&words, h->controllers, ",");
    const char *w;
    strv_foreach (w, &words) {
        _cleanup_(freep) char *value = str_printf("+%s", w);
        _cleanup_(err_fini) struct err err = {0};
        if (cgroup_write(dir, "cgroup.subtree_control", value, &err) < 0)
            log_debug("cgroup: %s", err_msg(&err));
    }
}

static int make_one(const struct cgroup_hier *h, const char *above, const char *dir,
                    struct err *err)
{
    if (mkdir(dir, 0755) < 0)
        return errno == EEXIST ? 0 : err_errno(err, -errno, "making control group %s", dir);
    return has_controller(h, "cpuset") && !h->v2 ? cpuset_copy(above, dir, err) : 0;
}

static int make_parent(const struct cgroup *cg, const struct cgroup_hier *h, struct err *err)
{
    _cleanup_(freep) char *dir = cgroup_dir(cg, h, NULL);
    int r = make_one(h, h->base, dir, err);
    if (r < 0 || !h->v2)
        return r;
    enable_controllers(h, h->base);
    enable_controllers(h, dir);
    return 0;
}

static int make_group(const struct cgroup *cg, const struct cgroup_hier *h, const char *child,
                      char **out, struct err *err)
{
    _cleanup_(freep) char *parent = cgroup_dir(cg, h, NULL);
    _cleanup_(freep) char *dir = cgroup_dir(cg, h, child);
    int r = make_one(h, parent, dir, err);
    if (r == -ENOENT && access(parent, F_OK) < 0) {
        err_clear(err);
        r = make_parent(cg, h, err);
        r = r < 0 ? r : make_one(h, parent, dir, err);
    }
    if (r == 0)
        *out = steal_ptr(&dir);
    return r;
}

int cgroup_enter_engine(struct cgroup *cg, struct err *err)
{
    for (size_t i = 0; i < cg->n; i++) {
        const struct cgroup_hier *h = &cg->hiers[i];
        _cleanup_(freep) char *dir = NULL;
        int r = make_group(cg, h, "engine", &dir, err);
        if (r == 0)
            r = cgroup_write_int(dir, "cgroup.procs", getpid(), err);
        if (r < 0)
            return r;
        if (h->v2) { /* only now is the base free of processes, if the daemon was the only one there */
            _cleanup_(freep) char *parent = cgroup_dir(cg, h, NULL);
            enable_controllers(h, h->base);
            enable_controllers(h, parent);
        }
    }
    return 0;
}

static void disable_controllers(const struct cgroup_hier *h, const char *dir)
{
    _cleanup_(strv_fini) struct strv words = {0};
    strv_split(&words, h->controllers, ",");
    const char *w;
    strv_foreach (w, &words) {
        _cleanup_(freep) char *value = str_printf("-%s", w);
        (void)cgroup_write(dir, "cgroup.subtree_control", value, NULL);
    }
}

/* Back to where the process came from. On v2 that takes no process while its children have controllers (a unit's own group):
 * those were enabled for us. */
static int leave_one(const struct cgroup *cg, const struct cgroup_hier *h, struct err *err)
{
    const char *to = h->v2 && cg->origin ? cg->origin : h->base;
    int r = cgroup_write_int(to, "cgroup.procs", getpid(), err);
    if (r != -EBUSY || !h->v2)
        return r;
    _cleanup_(freep) char *parent = cgroup_dir(cg, h, NULL);
    disable_controllers(h, parent);
    disable_controllers(h, h->base);
    err_clear(err);
    return cgroup_write_int(h->base, "cgroup.procs", getpid(), err);
}

void cgroup_leave_engine(struct cgroup *cg)
{
    for (size_t i = 0; i < cg->n; i++) {
        _cleanup_(err_fini) struct err err = {0};
        if (leave_one(cg, &cg->hiers[i], &err) < 0)
            log_debug("cgroup: %s", err_msg(&err));
    }
    cgroup_remove_parent(cg);
}

static int create_all(struct cgroup *cg, const char *id, const json_t *host_config, struct err *err)
{
    for (size_t i = 0; i < cg->n; i++) {
        const struct cgroup_hier *h = &cg->hiers[i];
        _cleanup_(freep) char *dir = NULL;
        int r = make_group(cg, h, id, &dir, err);
        if (r == 0)
            r = cgroup_limits_set(cg, h, dir, host_config, err);
        if (r == 0 && (h->v2 || has_controller(h, "devices")))
            r = cgroup_devices_set(h, dir, host_config, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_create(struct cgroup *cg, const char *id, const json_t *host_config, struct err *err)
{
    int r = create_all(cg, id, host_config, err);
    if (r < 0) {
        _cleanup_(err_fini) struct err ignored = {0};
        (void)cgroup_destroy(cg, id, 0, &ignored);
    }
    return r;
}

static int list_dir(const char *path, struct strv *ids)
{
    _cleanup_(closedirp) DIR *d = opendir(path);
    if (!d)
        return errno == ENOENT ? 0 : -errno;
    const struct dirent *e;
    while ((e = readdir(d))) {
        if (id_valid(e->d_name) && !strv_has(ids, e->d_name))
            strv_add(ids, e->d_name);
    }
    return 0;
}

int cgroup_list(struct cgroup *cg, struct strv *ids, struct err *err)
{
    for (size_t i = 0; i < cg->n; i++) {
        _cleanup_(freep) char *dir = cgroup_dir(cg, &cg->hiers[i], NULL);
        int r = list_dir(dir, ids);
        if (r < 0)
            return err_errno(err, r, "reading %s", dir);
    }
    return 0;
}

void cgroup_remove_parent(struct cgroup *cg)
{
    for (size_t i = 0; i < cg->n; i++) {
        _cleanup_(freep) char *engine = cgroup_dir(cg, &cg->hiers[i], "engine");
        _cleanup_(freep) char *parent = cgroup_dir(cg, &cg->hiers[i], NULL);
        if ((rmdir(engine) < 0 && errno != ENOENT) || (rmdir(parent) < 0 && errno != ENOENT))
            log_debug("cgroup: %s stays: %s", parent, strerror(errno));
    }
}

bool cgroup_has_file(const struct cgroup *cg, const char *controller, const char *file)
{
    const struct cgroup_hier *h = cgroup_hier_of(cg, controller);
    if (!h)
        return false;
    _cleanup_(freep) char *engine = cgroup_dir(cg, h, "engine");
    _cleanup_(freep) char *in_engine = str_printf("%s/%s", engine, file);
    _cleanup_(freep) char *in_base = str_printf("%s/%s", h->base, file);
    return access(in_engine, F_OK) == 0 || access(in_base, F_OK) == 0;
}
