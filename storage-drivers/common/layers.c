/* SPDX-License-Identifier: Apache-2.0 */
/* Layers on disk: the index, and how a layer comes and goes. */
#include "common/layers.h"

#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>

#include "common/reaper.h"
#include "common/tree.h"
#include "common/util.h"

#define ID_MAX 127

enum layer_state { LAYER_MAKING, LAYER_READY, LAYER_REMOVING };

struct layer {
    char *id;
    char *parent;          /* NULL: none */
    struct layer *parentp; /* NULL also where the parent is lost */
    unsigned children, depth;
    enum layer_state state;
    bool writable;
};

struct layers {
    const struct berth_host *host;
    char *tree, *mark, *root;
    int l_fd, tmp_fd;
    struct reaper *reaper;
    pthread_mutex_t lock; /* guards what follows, and every struct layer in it */
    void *index;          /* tsearch tree of struct layer, by id */
};

static int by_id(const void *a, const void *b)
{
    return strcmp(((const struct layer *)a)->id, ((const struct layer *)b)->id);
}

static void layer_free(void *p)
{
    struct layer *layer = p;
    if (!layer)
        return;
    free(layer->id);
    free(layer->parent);
    free(layer);
}

static void layer_freep(struct layer **layer)
{
    layer_free(*layer);
}

static struct layer *layer_new(const char *id, const char *parent)
{
    struct layer *layer = calloc(1, sizeof(*layer));
    if (!layer)
        return NULL;
    layer->id = strdup(id);
    layer->parent = parent ? strdup(parent) : NULL;
    if (layer->id && (!parent || layer->parent))
        return layer;
    layer_free(layer);
    return NULL;
}

static bool id_valid(const char *id)
{
    size_t n = id ? strlen(id) : 0;
    return n > 0 && n <= ID_MAX && id[0] != '-' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* With the lock held. */
static struct layer *lookup(struct layers *l, const char *id)
{
    struct layer key = {.id = (char *)id};
    void *node = tfind(&key, &l->index, by_id);
    return node ? *(struct layer **)node : NULL;
}

static struct layer *lookup_ready(struct layers *l, const char *id)
{
    struct layer *layer = lookup(l, id);
    return layer && layer->state == LAYER_READY ? layer : NULL;
}

static int no_such_layer(struct berth_err *err, const char *id)
{
    return berth_err_set(err, -ENOENT, "no such layer: %s", id);
}

static int load_layer(struct layers *l, const char *id)
{
    char parent[ID_MAX + 4];
    _cleanup_(closep) int fd = openat(l->l_fd, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || !id_valid(id)) {
        berth_log(l->host, BERTH_LOG_WARN, "%s/l/%s is not a layer; left alone", l->root, id);
        return 0;
    }
    ssize_t n = readlinkat(fd, "parent", parent, sizeof(parent) - 1);
    if (n < 0 && errno != ENOENT)
        return -errno;
    parent[n > 0 ? n : 0] = '\0';
    bool has_parent = n > 3 && memcmp(parent, "../", 3) == 0 && id_valid(parent + 3);
    _cleanup_(layer_freep) struct layer *layer = layer_new(id, has_parent ? parent + 3 : NULL);
    if (!layer)
        return -ENOMEM;
    layer->state = LAYER_READY;
    layer->writable = faccessat(fd, l->mark, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!tsearch(layer, &l->index, by_id))
        return -ENOMEM;
    layer = NULL;
    return 0;
}

static void link_layer(const void *node, VISIT order, void *closure)
{
    struct layers *l = closure;
    struct layer *layer = *(struct layer *const *)node;
    if ((order != postorder && order != leaf) || !layer->parent)
        return;
    layer->parentp = lookup(l, layer->parent);
    if (layer->parentp)
        layer->parentp->children++;
    else
        berth_log(l->host, BERTH_LOG_WARN, "layer %s: its parent %s is missing", layer->id,
                  layer->parent);
}

/* Number of layers of a chain; chains of the disk could be a ring, so it is bounded by what was counted. */
static unsigned depth_of(struct layer *layer)
{
    unsigned n = 0;
    for (; layer && !layer->depth && n < 100000; layer = layer->parentp)
        n++;
    return n + (layer ? layer->depth : 0);
}

static void measure_layer(const void *node, VISIT order, void *closure)
{
    struct layer *layer = *(struct layer *const *)node;
    (void)closure;
    if (order == postorder || order == leaf)
        layer->depth = depth_of(layer);
}

static int load(struct layers *l)
{
    _cleanup_(closedirp) DIR *d = tree_opendir(l->l_fd, ".");
    if (!d)
        return -errno;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        int r = is_dot(e->d_name) ? 0 : load_layer(l, e->d_name);
        if (r < 0)
            return r;
    }
    if (errno)
        return -errno;
    twalk_r(l->index, link_layer, l);
    twalk_r(l->index, measure_layer, l);
    return 0;
}

static int sweep(struct layers *l)
{
    _cleanup_(closedirp) DIR *d = tree_opendir(l->tmp_fd, ".");
    if (!d)
        return -errno;
    for (struct dirent *e; (errno = 0, e = readdir(d));) {
        int r = is_dot(e->d_name) ? 0 : tree_remove(l->tmp_fd, e->d_name);
        if (r < 0)
            berth_log(l->host, BERTH_LOG_WARN, "%s/tmp/%s cannot be removed: %s", l->root,
                      e->d_name, strerror(-r));
    }
    return -errno;
}

static int open_sub(int dir, const char *name)
{
    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int open_dirs(struct layers *l, struct berth_err *err)
{
    _cleanup_(closep) int root = open(l->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return berth_err_set(err, -errno, "opening %s: %s", l->root, strerror(errno));
    l->l_fd = open_sub(root, "l");
    l->tmp_fd = open_sub(root, "tmp");
    int r = l->l_fd < 0 ? l->l_fd : l->tmp_fd < 0 ? l->tmp_fd : 0;
    return r < 0 ? berth_err_set(err, r, "making directories in %s: %s", l->root, strerror(-r)) : 0;
}

static void layers_closep(struct layers **l)
{
    layers_close(*l);
}

int layers_open(const struct berth_host *host, const char *tree, const char *mark,
                struct layers **out, struct berth_err *err)
{
    _cleanup_(layers_closep) struct layers *l = calloc(1, sizeof(*l));
    if (!l)
        return berth_err_set(err, -ENOMEM, "out of memory");
    l->host = host;
    l->l_fd = l->tmp_fd = -1;
    pthread_mutex_init(&l->lock, NULL);
    l->tree = strdup(tree);
    l->mark = strdup(mark);
    l->root = strdup(host->data_dir);
    if (!l->tree || !l->mark || !l->root)
        return berth_err_set(err, -ENOMEM, "out of memory");
    int r = open_dirs(l, err);
    if (r < 0)
        return r;
    r = sweep(l);
    l->reaper = reaper_new(host, l->tmp_fd);
    if (r == 0 && !l->reaper)
        r = -ENOMEM;
    r = r < 0 ? r : load(l);
    if (r < 0)
        return berth_err_set(err, r, "reading the layers of %s: %s", l->root, strerror(-r));
    *out = l;
    l = NULL;
    return 0;
}

void layers_close(struct layers *l)
{
    if (!l)
        return;
    reaper_free(l->reaper);
    tdestroy(l->index, layer_free);
    closep(&l->l_fd);
    closep(&l->tmp_fd);
    pthread_mutex_destroy(&l->lock);
    free(l->tree);
    free(l->mark);
    free(l->root);
    free(l);
}

const char *layers_root(const struct layers *l)
{
    return l->root;
}

static int reserve_locked(struct layers *l, struct layer *layer, unsigned max_depth,
                          struct berth_err *err)
{
    if (lookup(l, layer->id))
        return berth_err_set(err, -EEXIST, "layer %s is there already", layer->id);
    if (layer->parent && !(layer->parentp = lookup_ready(l, layer->parent)))
        return berth_err_set(err, -ENOENT, "no such parent layer: %s", layer->parent);
    layer->depth = layer->parentp ? layer->parentp->depth + 1 : 1;
    if (max_depth && layer->depth > max_depth)
        return berth_err_set(err, -EMLINK,
                             "layer %s would stand on %u others; at most %u can be mounted: "
                             "squash the image into fewer layers",
                             layer->id, layer->depth - 1, max_depth - 1);
    if (!tsearch(layer, &l->index, by_id))
        return berth_err_set(err, -ENOMEM, "out of memory");
    if (layer->parentp)
        layer->parentp->children++;
    return 0;
}

static void forget(struct layers *l, struct layer *layer)
{
    pthread_mutex_lock(&l->lock);
    tdelete(layer, &l->index, by_id);
    if (layer->parentp)
        layer->parentp->children--;
    pthread_mutex_unlock(&l->lock);
    layer_free(layer);
}

static int open_tree_at(int dir, const char *id, const char *tree)
{
    _cleanup_(closep) int fd = openat(dir, id, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = openat(fd, tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return r < 0 ? -errno : r;
}

/* The root's own attributes win over those below it, so they start as the parent's. */
static int copy_root(struct layers *l, const struct layer *layer, int tree)
{
    struct stat st = {.st_mode = 0755};
    if (layer->parent) {
        _cleanup_(closep) int parent = open_tree_at(l->l_fd, layer->parent, l->tree);
        if (parent < 0)
            return parent;
        if (fstat(parent, &st) < 0)
            return -errno;
        const struct timespec times[2] = {st.st_atim, st.st_mtim};
        if (futimens(tree, times) < 0)
            return -errno;
    }
    if (fchown(tree, st.st_uid, st.st_gid) < 0 || fchmod(tree, st.st_mode & 07777) < 0)
        return -errno;
    return 0;
}

static int make_dirs(struct layers *l, const struct layer *layer)
{
    int r = tree_remove(l->tmp_fd, layer->id);
    if (r < 0)
        return r;
    if (mkdirat(l->tmp_fd, layer->id, 0700) < 0)
        return -errno;
    _cleanup_(closep) int fd = openat(l->tmp_fd, layer->id, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || mkdirat(fd, l->tree, 0755) < 0)
        return -errno;
    if (layer->writable && mkdirat(fd, l->mark, 0700) < 0)
        return -errno;
    if (layer->parent) {
        char target[ID_MAX + 4];
        snprintf(target, sizeof(target), "../%s", layer->parent);
        if (symlinkat(target, fd, "parent") < 0)
            return -errno;
    }
    _cleanup_(closep) int tree = openat(fd, l->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return tree < 0 ? -errno : copy_root(l, layer, tree);
}

int layer_begin(struct layers *l, const char *id, const char *parent, bool writable,
                unsigned max_depth, struct layer **out, struct berth_err *err)
{
    if (!id_valid(id) || (parent && !id_valid(parent)))
        return berth_err_set(err, -EINVAL, "%s is not a layer's id: 1 to %d of [a-z0-9-]",
                             id_valid(id) ? parent : id, ID_MAX);
    _cleanup_(layer_freep) struct layer *layer = layer_new(id, parent);
    if (!layer)
        return berth_err_set(err, -ENOMEM, "out of memory");
    layer->writable = writable;
    pthread_mutex_lock(&l->lock);
    int r = reserve_locked(l, layer, max_depth, err);
    pthread_mutex_unlock(&l->lock);
    if (r < 0)
        return r;
    struct layer *made = layer;
    layer = NULL;
    r = make_dirs(l, made);
    if (r < 0) {
        r = berth_err_set(err, r, "making layer %s in %s: %s", id, l->root, strerror(-r));
        layer_abort(l, made);
        return r;
    }
    *out = made;
    return 0;
}

int layer_open_new(struct layers *l, struct layer *layer, struct berth_err *err)
{
    int fd = open_tree_at(l->tmp_fd, layer->id, l->tree);
    return fd < 0 ? berth_err_set(err, fd, "opening layer %s: %s", layer->id, strerror(-fd)) : fd;
}

static int publish(struct layers *l, const struct layer *layer, bool sync)
{
    if (sync && syncfs(l->tmp_fd) < 0)
        return -errno;
    if (renameat2(l->tmp_fd, layer->id, l->l_fd, layer->id, RENAME_NOREPLACE) < 0)
        return -errno;
    return sync && fsync(l->l_fd) < 0 ? -errno : 0;
}

int layer_commit(struct layers *l, struct layer *layer, bool sync, struct berth_err *err)
{
    int r = publish(l, layer, sync);
    if (r < 0) {
        r = berth_err_set(err, r, "storing layer %s in %s: %s", layer->id, l->root, strerror(-r));
        renameat2(l->l_fd, layer->id, l->tmp_fd, layer->id, RENAME_NOREPLACE);
        layer_abort(l, layer);
        return r;
    }
    pthread_mutex_lock(&l->lock);
    layer->state = LAYER_READY;
    pthread_mutex_unlock(&l->lock);
    return 0;
}

void layer_abort(struct layers *l, struct layer *layer)
{
    int r = tree_remove(l->tmp_fd, layer->id);
    if (r < 0)
        berth_log(l->host, BERTH_LOG_WARN, "%s/tmp/%s cannot be removed: %s", l->root, layer->id,
                  strerror(-r));
    forget(l, layer);
}

static int mark_removing(struct layers *l, const char *id, struct layer **out,
                         struct berth_err *err)
{
    struct layer *layer = lookup_ready(l, id);
    if (!layer)
        return no_such_layer(err, id);
    if (layer->children)
        return berth_err_set(err, -EBUSY, "layer %s has %u other layer(s) standing on it", id,
                             layer->children);
    layer->state = LAYER_REMOVING;
    *out = layer;
    return 0;
}

int layer_remove(struct layers *l, const char *id, struct berth_err *err)
{
    struct layer *layer = NULL;
    pthread_mutex_lock(&l->lock);
    int r = mark_removing(l, id, &layer, err);
    pthread_mutex_unlock(&l->lock);
    if (r < 0)
        return r;
    r = reaper_take(l->reaper, l->l_fd, id);
    if (r < 0) {
        r = berth_err_set(err, r, "removing layer %s: %s", id, strerror(-r));
        pthread_mutex_lock(&l->lock);
        layer->state = LAYER_READY;
        pthread_mutex_unlock(&l->lock);
        return r;
    }
    forget(l, layer);
    return 0;
}

int layer_stat(struct layers *l, const char *id, struct berth_layer_stat *out,
               struct berth_err *err)
{
    pthread_mutex_lock(&l->lock);
    const struct layer *layer = lookup_ready(l, id);
    if (layer) {
        out->writable = layer->writable;
        if (out->parent)
            memcpy(out->parent, layer->parent ? layer->parent : "",
                   layer->parent ? strlen(layer->parent) + 1 : 1);
    }
    pthread_mutex_unlock(&l->lock);
    return layer ? 0 : no_such_layer(err, id);
}

void chain_fini(struct chain *chain)
{
    for (size_t i = 0; i < chain->n; i++)
        free(chain->ids[i]);
    free(chain->ids);
    *chain = (struct chain){0};
}

static int chain_fill(struct layers *l, const char *id, struct chain *out, struct berth_err *err)
{
    const struct layer *layer = lookup_ready(l, id);
    if (!layer)
        return no_such_layer(err, id);
    out->writable = layer->writable;
    out->ids = calloc(layer->depth + 1, sizeof(*out->ids));
    size_t max = layer->depth;
    for (; layer; layer = layer->parentp) {
        if (layer->parent && !layer->parentp)
            return berth_err_set(err, -EIO, "layer %s stands on %s, which is missing", layer->id,
                                 layer->parent);
        char *copy = out->ids && out->n < max ? strdup(layer->id) : NULL;
        if (!copy)
            return berth_err_set(err, -ENOMEM, "layer %s: its chain is a ring, or out of memory",
                                 id);
        out->ids[out->n++] = copy;
    }
    return 0;
}

int layer_chain(struct layers *l, const char *id, struct chain *out, struct berth_err *err)
{
    *out = (struct chain){0};
    pthread_mutex_lock(&l->lock);
    int r = chain_fill(l, id, out, err);
    pthread_mutex_unlock(&l->lock);
    if (r < 0)
        chain_fini(out);
    return r;
}

struct listing {
    size_t n, cap;
    char **ids;
    bool failed;
};

static void list_one(const void *node, VISIT order, void *closure)
{
    struct listing *list = closure;
    const struct layer *layer = *(struct layer *const *)node;
    if ((order != postorder && order != leaf) || layer->state != LAYER_READY || list->failed)
        return;
    if (list->n == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 64;
        char **ids = reallocarray(list->ids, cap, sizeof(*ids));
        if (!ids) {
            list->failed = true;
            return;
        }
        list->ids = ids;
        list->cap = cap;
    }
    list->ids[list->n] = strdup(layer->id);
    list->failed = !list->ids[list->n++];
}

int layer_list(struct layers *l, int (*each)(void *ctx, const char *id), void *ctx,
               struct berth_err *err)
{
    struct listing list = {0};
    pthread_mutex_lock(&l->lock);
    twalk_r(l->index, list_one, &list);
    pthread_mutex_unlock(&l->lock);
    int r = list.failed ? berth_err_set(err, -ENOMEM, "out of memory") : 0;
    for (size_t i = 0; i < list.n; i++) {
        if (r == 0)
            r = each(ctx, list.ids[i]);
        free(list.ids[i]);
    }
    free(list.ids);
    return r;
}

int layer_open_tree(struct layers *l, const char *id, struct berth_err *err)
{
    if (!id_valid(id))
        return no_such_layer(err, id ? id : "(none)");
    int fd = open_tree_at(l->l_fd, id, l->tree);
    return fd < 0 ? berth_err_set(err, fd, "opening layer %s: %s", id, strerror(-fd)) : fd;
}

char *layer_path(const struct layers *l, const char *id, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/l/%s/%s", l->root, id, name) < 0 ? NULL : path;
}
