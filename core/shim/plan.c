/* SPDX-License-Identifier: Apache-2.0 */
/* The plan: JSON checked and laid out for the child. */
#include "shim/plan.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"

#define LIST_MAX 4096

static int fd_take(const json_t *json, int *fds, size_t nfds, const char *name)
{
    const json_t *names = json_arr(json, "fds"), *v;
    size_t i;
    json_array_foreach (names, i, v) {
        if (i < nfds && str_eq(json_string_value(v), name))
            return steal_fd(&fds[i]);
    }
    return -1;
}

static int namespaces_parse(const json_t *o, int *fds, size_t nfds, struct plan *p, struct err *err)
{
    static const char *const names[NS_N] = {"mnt", "pid", "uts", "ipc", "net", "cgroup"};
    for (int i = 0; i < NS_N; i++) {
        const json_t *v = json_object_get(o, names[i]);
        const char *word = json_string_value(v);
        if (str_eq(word, "new")) {
            p->ns[i] = NS_NEW;
        } else if (str_eq(word, "host")) {
            p->ns[i] = NS_HOST;
        } else if (i == NS_NET && json_is_object(v)) {
            const char *name = json_str(v, "fd", "");
            p->ns[i] = NS_FD;
            p->netns_fd = fd_take(p->json, fds, nfds, name);
            if (p->netns_fd < 0)
                return err_set(err, -EINVAL, "plan.namespaces.net: no descriptor \"%s\" came",
                               name);
        } else {
            return err_set(err, -EINVAL, "plan.namespaces.%s: \"new\" or \"host\" is expected",
                           names[i]);
        }
    }
    if (p->ns[NS_MNT] != NS_NEW)
        return err_set(err, -EINVAL, "plan.namespaces.mnt: only \"new\" is possible");
    return 0;
}

static int mounts_parse(const json_t *array, struct plan *p, struct err *err)
{
    size_t n = json_array_size(array);
    if (n > LIST_MAX)
        return err_set(err, -EINVAL, "plan.mounts: more than %d", LIST_MAX);
    p->mounts = xcalloc(n, sizeof(*p->mounts));
    for (size_t i = 0; i < n; i++) {
        _cleanup_(freep) char *where = str_printf("plan.mounts[%zu]", i);
        p->nmounts++;
        int r = mount_op_parse(json_array_get(array, i), where, &p->mounts[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int device_parse(const json_t *o, struct device_op *d, struct err *err)
{
    d->path = json_str(o, "path", "");
    if (*d->path != '/' || strlen(d->path) >= PATH_MAX)
        return err_set(err, -EINVAL, "plan.devices: \"%s\" is no absolute path", d->path);
    const char *type = json_str(o, "type", "");
    mode_t kind = str_eq(type, "c") || str_eq(type, "u") ? S_IFCHR
                  : str_eq(type, "b")                    ? S_IFBLK
                  : str_eq(type, "p")                    ? S_IFIFO
                                                         : 0;
    if (!kind)
        return err_set(err, -EINVAL, "plan.devices: %s: type \"%s\" is not c, b or p", d->path,
                       type);
    d->mode = kind | ((mode_t)json_int(o, "mode", 0666) & 07777);
    d->dev = makedev((unsigned)json_int(o, "major", 0), (unsigned)json_int(o, "minor", 0));
    d->uid = (uid_t)json_int(o, "uid", 0);
    d->gid = (gid_t)json_int(o, "gid", 0);
    return 0;
}

static int devices_parse(const json_t *array, struct plan *p, struct err *err)
{
    size_t n = json_array_size(array);
    if (n > LIST_MAX)
        return err_set(err, -EINVAL, "plan.devices: more than %d", LIST_MAX);
    p->devices = xcalloc(n, sizeof(*p->devices));
    for (; p->ndevices < n; p->ndevices++) {
        int r = device_parse(json_array_get(array, p->ndevices), &p->devices[p->ndevices], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int links_parse(const json_t *array, struct plan *p, struct err *err)
{
    size_t n = json_array_size(array);
    if (n > LIST_MAX)
        return err_set(err, -EINVAL, "plan.dev_links: more than %d", LIST_MAX);
    p->links = xcalloc(n, sizeof(*p->links));
    for (; p->nlinks < n; p->nlinks++) {
        const json_t *pair = json_array_get(array, p->nlinks);
        struct link_op *l = &p->links[p->nlinks];
        l->target = json_string_value(json_array_get(pair, 0));
        l->path = json_string_value(json_array_get(pair, 1));
        if (!l->target || !l->path || *l->path != '/' || strlen(l->path) >= PATH_MAX)
            return err_set(err, -EINVAL, "plan.dev_links[%zu]: [target, path] is expected",
                           p->nlinks);
    }
    return 0;
}

static int sysctls_parse(const json_t *o, struct plan *p, struct err *err)
{
    size_t n = json_object_size(o);
    if (n > LIST_MAX)
        return err_set(err, -EINVAL, "plan.sysctls: more than %d", LIST_MAX);
    p->sysctls = xcalloc(n, sizeof(*p->sysctls));
    const char *key;
    json_t *v;
    json_object_foreach ((json_t *)o, key, v) {
        struct sysctl_op *s = &p->sysctls[p->nsysctls++];
        s->value = json_string_value(v);
        if (!s->value || strstr(key, "..") || *key == '/' || strlen(key) > 512)
            return err_set(err, -EINVAL, "plan.sysctls: \"%s\" is no sysctl with a text value",
                           key);
        s->path = str_printf("/proc/sys/%s", key);
        for (char *c = s->path + strlen("/proc/sys/"); *c; c++)
            if (*c == '.')
                *c = '/';
    }
    return 0;
}

static int cgroup_parse(const json_t *o, struct plan *p, struct err *err)
{
    if (!o)
        return 0;
    if (json_int(o, "version", 0) == 2) {
        p->cgroup_path = json_str(o, "path", NULL);
        return p->cgroup_path ? 0 : err_set(err, -EINVAL, "plan.cgroup.path: missing");
    }
    return string_array(json_arr(o, "join"), "plan.cgroup.join", 64, 0, &p->cgroup_join,
                        &p->ncgroup_join, err);
}

/* By position: shims that start at once have the very same open file, with one offset for all of them. */
static int program_read(int fd, char **data, size_t *n)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > (off_t)(BPF_MAXINSNS * sizeof(struct sock_filter)))
        return -EFBIG;
    *data = xmalloc((size_t)st.st_size + 1);
    for (*n = 0; *n < (size_t)st.st_size;) {
        ssize_t got = pread(fd, *data + *n, (size_t)st.st_size - *n, (off_t)*n);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            break;
        *n += got > 0 ? (size_t)got : 0;
    }
    return 0;
}

static int seccomp_read(int *fds, size_t nfds, struct plan *p, struct err *err)
{
    _cleanup_(closep) int fd = fd_take(p->json, fds, nfds, "seccomp");
    if (fd < 0)
        return p->process.seccomp
                   ? err_set(err, -EINVAL, "plan.process.seccomp: no descriptor \"seccomp\" came")
                   : 0;
    size_t n = 0;
    char *data = NULL;
    int r = program_read(fd, &data, &n);
    p->seccomp = (struct sock_filter *)(void *)data;
    if (r < 0)
        return err_errno(err, r, "reading the seccomp program");
    p->nseccomp = n / sizeof(struct sock_filter);
    if (n == 0 || n % sizeof(struct sock_filter))
        return err_set(err, -EINVAL, "the seccomp program has %zu bytes, not a multiple of %zu", n,
                       sizeof(struct sock_filter));
    return 0;
}

static int parse(struct plan *p, int *fds, size_t nfds, struct err *err)
{
    const json_t *json = p->json;
    p->id = json_str(json, "id", "");
    p->name = json_str(json, "name", "");
    p->instance = json_str(json, "instance", "");
    p->hostname = json_str(json, "hostname", NULL);
    p->domainname = json_str(json, "domainname", NULL);
    p->readonly = json_bool(json, "readonly", false);
    p->stdin_once = json_bool(json, "stdin_once", false);
    p->oom_path = json_str(json_obj(json, "oom"), "path", NULL);
    p->log = json_obj(json, "log");
    const char *propagation = json_str(json, "rootfs_propagation", NULL);
    p->root_propagation = propagation_parse(propagation);
    if (!p->root_propagation)
        return err_set(err, -EINVAL, "plan.rootfs_propagation: \"%s\" is not known", propagation);
    int r = namespaces_parse(json_obj(json, "namespaces"), fds, nfds, p, err);
    if (r == 0)
        r = root_op_parse(json_obj(json, "rootfs"), &p->root, err);
    if (r == 0)
        r = mounts_parse(json_arr(json, "mounts"), p, err);
    if (r == 0)
        r = string_array(json_arr(json, "masked"), "plan.masked", LIST_MAX, 0, &p->masked,
                         &p->nmasked, err);
    if (r == 0)
        r = string_array(json_arr(json, "readonly_paths"), "plan.readonly_paths", LIST_MAX, 0,
                         &p->readonly_paths, &p->nreadonly_paths, err);
    if (r == 0)
        r = devices_parse(json_arr(json, "devices"), p, err);
    if (r == 0)
        r = links_parse(json_arr(json, "dev_links"), p, err);
    if (r == 0)
        r = sysctls_parse(json_obj(json, "sysctls"), p, err);
    if (r == 0)
        r = cgroup_parse(json_obj(json, "cgroup"), p, err);
    if (r == 0)
        r = process_parse(json_obj(json, "process"), "plan.process", &p->process, err);
    return r < 0 ? r : seccomp_read(fds, nfds, p, err);
}

int plan_parse(json_t *json, int *fds, size_t nfds, struct plan **out, struct err *err)
{
    if (!json_is_object(json))
        return err_set(err, -EINVAL, "plan: an object is expected");
    _cleanup_(plan_freep) struct plan *p = xcalloc(1, sizeof(*p));
    p->json = json_incref(json);
    p->netns_fd = -1;
    p->root.tree = -1;
    int r = parse(p, fds, nfds, err);
    if (r < 0)
        return r;
    *out = steal_ptr(&p);
    return 0;
}

void plan_free(struct plan *p)
{
    mount_op_fini(&p->root);
    for (size_t i = 0; i < p->nmounts; i++)
        mount_op_fini(&p->mounts[i]);
    for (size_t i = 0; i < p->nsysctls; i++)
        free(p->sysctls[i].path);
    free(p->mounts);
    free(p->masked);
    free(p->readonly_paths);
    free(p->devices);
    free(p->links);
    free(p->sysctls);
    free(p->cgroup_join);
    free(p->seccomp);
    process_fini(&p->process);
    close_fd(p->netns_fd);
    json_decref(p->json);
    free(p);
}
