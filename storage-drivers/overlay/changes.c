/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes
 *
 * Walks the uppermost directory only; what it holds is looked up in the layers below, as the kernel would merge them:
 * from the uppermost down, until a whiteout, an opaque directory or something that is no directory ends the search.
 * Directories are opened by path, never through links, so that descriptors are bound by the number of layers and not
 * by how deep a container nests.
 */
#include "changes.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "common/tree.h"
#include "common/util.h"

struct walk {
    int l_fd; /* data_dir/l */
    const struct chain *chain;
    int (*each)(void *ctx, const char *path, uint32_t kind);
    void *ctx;
};

/* A directory of the uppermost layer. */
struct dir {
    struct dir *parent;
    char *path;        /* "" for the root, else "/a/b" */
    size_t *lowers, n; /* the layers (indexes into the chain) in which it is merged */
    int depth;
    bool pending; /* it is to be reported as modified when something in it is */
    bool opaque;  /* nothing of the lowers shines through; holds for what is below it too */
};

struct subdir {
    struct subdir *next;
    struct dir dir;
};

static void closefds(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        closep(&fds[i]);
    free(fds);
}

static int open_layer_dir(const struct walk *w, size_t layer, const char *path)
{
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    _cleanup_(freep) char *full = NULL;
    if (asprintf(&full, "%s/diff%s", w->chain->ids[layer], path) < 0) {
        full = NULL;
        return -ENOMEM;
    }
    int fd = (int)syscall(SYS_openat2, w->l_fd, full, &how, sizeof(how));
    return fd < 0 ? -errno : fd;
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == makedev(0, 0);
}

static bool is_opaque(int fd)
{
    char value = 0;
    return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static int flush_parents(const struct walk *w, struct dir *d)
{
    if (!d || !d->pending)
        return 0;
    int r = flush_parents(w, d->parent);
    d->pending = false;
    return r ? r : w->each(w->ctx, d->path, BERTH_CHANGE_MODIFIED);
}

static int report(const struct walk *w, struct dir *in, const char *path, uint32_t kind)
{
    int r = flush_parents(w, in);
    return r ? r : w->each(w->ctx, path, kind);
}

/* What `name` is in the merge of in->lowers: 1 and *st, or 0. Where it is a directory there, the layers that carry it
 * become sub->lowers (sub may be NULL). */
static int lookup_lower(const struct dir *in, const int *fds, const char *name, struct stat *st,
                        struct dir *sub)
{
    bool found = false;
    for (size_t i = 0; i < in->n; i++) {
        struct stat here;
        if (fstatat(fds[i], name, &here, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT)
                continue;
            return -errno;
        }
        if (is_whiteout(&here) || (found && !S_ISDIR(here.st_mode)))
            break;
        if (!found)
            *st = here;
        found = true;
        if (!S_ISDIR(here.st_mode))
            break;
        if (sub)
            sub->lowers[sub->n++] = in->lowers[i];
        _cleanup_(closep) int fd =
            openat(fds[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return -errno;
        if (is_opaque(fd))
            break;
    }
    return found;
}

static bool same_attributes(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void subdirs_free(struct subdir **list)
{
    while (*list) {
        struct subdir *next = (*list)->next;
        free((*list)->dir.path);
        free((*list)->dir.lowers);
        free(*list);
        *list = next;
    }
}

static struct subdir *subdir_new(struct dir *parent, const char *path)
{
    struct subdir *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->dir.parent = parent;
    s->dir.depth = parent->depth + 1;
    s->dir.path = strdup(path);
    s->dir.lowers = calloc(parent->n + 1, sizeof(*s->dir.lowers));
    if (s->dir.path && s->dir.lowers)
        return s;
    subdirs_free(&s);
    return NULL;
}

/* A directory in which nothing but its children differs is reported with the first of them. */
static int visit_dir(const struct walk *w, struct dir *in, const int *fds, int upper,
                     const char *name, const struct stat *st, struct subdir *sub)
{
    struct stat below;
    int r = lookup_lower(in, fds, name, &below, &sub->dir);
    if (r < 0)
        return r;
    _cleanup_(closep) int fd = openat(upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    bool opaque = is_opaque(fd);
    sub->dir.opaque = in->opaque || opaque;
    if (r == 0)
        return report(w, in, sub->dir.path, BERTH_CHANGE_ADDED);
    if (opaque || !S_ISDIR(below.st_mode) || !same_attributes(st, &below))
        return report(w, in, sub->dir.path, BERTH_CHANGE_MODIFIED);
    sub->dir.pending = true;
    return 0;
}

static int visit(const struct walk *w, struct dir *in, const int *fds, int upper, const char *name,
                 struct subdir **subdirs)
{
    struct stat st, below;
    if (fstatat(upper, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    _cleanup_(freep) char *path = NULL;
    if (asprintf(&path, "%s/%s", in->path, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    if (S_ISDIR(st.st_mode)) {
        struct subdir *sub = subdir_new(in, path);
        if (!sub)
            return -ENOMEM;
        sub->next = *subdirs;
        *subdirs = sub;
        return visit_dir(w, in, fds, upper, name, &st, sub);
    }
    int r = lookup_lower(in, fds, name, &below, NULL);
    if (r < 0)
        return r;
    if (is_whiteout(&st))
        return r ? report(w, in, path, BERTH_CHANGE_DELETED) : 0;
    return report(w, in, path, r ? BERTH_CHANGE_MODIFIED : BERTH_CHANGE_ADDED);
}

/* What stands below an opaque directory is gone, unless the directory itself has it again. */
static int hidden_children(const struct walk *w, struct dir *in, const int *fds, size_t layer,
                           int upper)
{
    _cleanup_(closedirp) DIR *d = tree_opendir(fds[layer], ".");
    if (!d)
        return -errno;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        struct stat st;
        if (is_dot(e->d_name) || fstatat(upper, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        /* reported for the uppermost layer that has it, and only if the merge shows it */
        bool shown = lookup_lower(in, fds, e->d_name, &st, NULL) == 1;
        for (size_t i = 0; shown && i < layer; i++)
            shown = faccessat(fds[i], e->d_name, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
        _cleanup_(freep) char *path = NULL;
        if (shown && asprintf(&path, "%s/%s", in->path, e->d_name) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        int r = shown ? report(w, in, path, BERTH_CHANGE_DELETED) : 0;
        if (r)
            return r;
    }
    return -errno;
}

static int walk_entries(const struct walk *w, struct dir *in, const int *fds, int upper,
                        struct subdir **subdirs)
{
    _cleanup_(closedirp) DIR *d = tree_opendir(upper, ".");
    if (!d)
        return -errno;
    int r = 0;
    for (size_t i = 0; r == 0 && in->opaque && i < in->n; i++)
        r = hidden_children(w, in, fds, i, upper);
    if (r)
        return r;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        r = is_dot(e->d_name) ? 0 : visit(w, in, fds, upper, e->d_name, subdirs);
        if (r)
            return r;
    }
    return -errno;
}

static int walk_one(const struct walk *w, struct dir *in, struct subdir **subdirs)
{
    _cleanup_(closep) int upper = open_layer_dir(w, 0, in->path);
    if (upper < 0)
        return upper == -ENOENT ? 0 : upper;
    int *fds = calloc(in->n + 1, sizeof(*fds));
    if (!fds)
        return -ENOMEM;
    int r = 0;
    size_t n = 0;
    while (r == 0 && n < in->n) {
        int fd = open_layer_dir(w, in->lowers[n], in->path);
        if (fd < 0)
            r = fd;
        else
            fds[n++] = fd;
    }
    if (r == 0)
        r = walk_entries(w, in, fds, upper, subdirs);
    closefds(fds, n);
    return r;
}

static int walk_dir(const struct walk *w, struct dir *in)
{
    _cleanup_(subdirs_free) struct subdir *subdirs = NULL;
    if (in->depth > TREE_DEPTH)
        return -ELOOP;
    int r = walk_one(w, in, &subdirs);
    for (struct subdir *s = subdirs; s && r == 0; s = s->next)
        r = walk_dir(w, &s->dir);
    return r;
}

int overlay_changes(const char *root, const struct chain *chain,
                    int (*each)(void *ctx, const char *path, uint32_t kind), void *ctx,
                    struct berth_err *err)
{
    _cleanup_(freep) char *l = NULL;
    if (asprintf(&l, "%s/l", root) < 0) {
        l = NULL;
        return berth_err_set(err, -ENOMEM, "out of memory");
    }
    _cleanup_(closep) int fd = open(l, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return berth_err_set(err, -errno, "opening %s: %s", l, strerror(errno));
    struct walk w = {.l_fd = fd, .chain = chain, .each = each, .ctx = ctx};
    struct dir top = {.path = (char *)"", .pending = false};
    _cleanup_(freep) size_t *lowers = calloc(chain->n, sizeof(*lowers));
    if (!lowers)
        return berth_err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 1; i < chain->n; i++)
        lowers[top.n++] = i;
    top.lowers = lowers;
    int r = walk_dir(&w, &top);
    if (r == -ELOOP)
        return berth_err_set(err, r, "layer %s: directories are nested more than %d deep",
                             chain->ids[0], TREE_DEPTH);
    return r < 0 ? berth_err_set(err, r, "comparing layer %s with those below it: %s",
                                 chain->ids[0], strerror(-r))
                 : r;
}
