/* SPDX-License-Identifier: Apache-2.0 */
/* Registry of drivers: what plugin_dirs hold, by kind and name, and what was refused and why. */
#include "plugin/registry.h"

#include <errno.h>
#include <limits.h>

#include "base/log.h"

struct refusal {
    char *file; /* "log-example.so" */
    char *reason;
};

struct registry {
    struct plugin **plugins; /* by kind, then name */
    size_t n;
    struct refusal *refusals;
    size_t n_refusals;
};

struct registry *registry_new(void)
{
    return xcalloc(1, sizeof(struct registry));
}

void registry_free(struct registry *reg)
{
    if (!reg)
        return;
    for (size_t i = 0; i < reg->n; i++)
        plugin_free(reg->plugins[i]);
    for (size_t i = 0; i < reg->n_refusals; i++) {
        free(reg->refusals[i].file);
        free(reg->refusals[i].reason);
    }
    free(reg->plugins);
    free(reg->refusals);
    free(reg);
}

struct plugin *registry_find(const struct registry *reg, uint32_t kind, const char *name)
{
    struct plugin *by_alias = NULL;
    for (size_t i = 0; i < reg->n; i++) {
        struct plugin *p = reg->plugins[i];
        if (p->desc->kind != kind || !plugin_has_name(p, name))
            continue;
        if (str_eq(p->name, name))
            return p;
        if (!by_alias)
            by_alias = p;
    }
    return by_alias;
}

static int compare(const void *a, const void *b)
{
    const struct plugin *pa = *(struct plugin *const *)a, *pb = *(struct plugin *const *)b;
    if (pa->desc->kind != pb->desc->kind)
        return pa->desc->kind < pb->desc->kind ? -1 : 1;
    return strcmp(pa->name, pb->name);
}

int registry_add(struct registry *reg, struct plugin *p, struct err *err)
{
    for (size_t i = 0; i < reg->n; i++) {
        const struct plugin *other = reg->plugins[i];
        if (other->desc->kind == p->desc->kind && str_eq(other->name, p->name))
            return err_set(err, -EEXIST, "%s: the %s driver \"%s\" is there already, from %s",
                           p->path, plugin_kind_name(p->desc->kind), p->name, other->path);
    }
    reg->plugins = xrealloc(reg->plugins, (reg->n + 1) * sizeof(*reg->plugins));
    reg->plugins[reg->n++] = p;
    qsort(reg->plugins, reg->n, sizeof(*reg->plugins), compare);
    return 0;
}

static void remember_refusal(struct registry *reg, const char *file, const char *reason)
{
    reg->refusals = xrealloc(reg->refusals, (reg->n_refusals + 1) * sizeof(*reg->refusals));
    reg->refusals[reg->n_refusals++] = (struct refusal){xstrdup(file), xstrdup(reason)};
}

static void load_one(struct registry *reg, const char *dir, const char *file)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", dir, file);
    _cleanup_(plugin_freep) struct plugin *p = NULL;
    _cleanup_(err_fini) struct err err = {0};
    int r = plugin_load_file(path, 0, &p, &err);
    if (r < 0) {
        log_warn("driver skipped: %s", err_msg(&err));
        remember_refusal(reg, file, err_msg(&err));
        return;
    }
    if (registry_add(reg, p, &err) < 0) {
        log_warn("driver skipped: %s", err_msg(&err));
        return;
    }
    log_debug("%s driver %s %s from %s", plugin_kind_name(p->desc->kind), p->name,
              p->desc->version ? p->desc->version : "", p->path);
    steal_ptr(&p);
}

static int is_object(const struct dirent *entry)
{
    return str_ends(entry->d_name, ".so") && entry->d_name[0] != '.';
}

static int load_dir(struct registry *reg, const char *dir, struct err *err)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_object, alphasort);
    if (n < 0 && errno == ENOENT) {
        log_warn("plugin_dirs: %s is not there", dir);
        return 0;
    }
    if (n < 0)
        return err_errno(err, -errno, "plugin_dirs: %s", dir);
    for (int i = 0; i < n; i++) {
        load_one(reg, dir, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return 0;
}

int registry_load_dirs(struct registry *reg, const char *const *dirs, size_t n, struct err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = load_dir(reg, dirs[i], err);
    return r;
}

/* Why a file that may have been meant by `name` ("log-NAME.so" or "NAME.so") was refused; NULL: there is none. */
static const char *refusal_of(const struct registry *reg, uint32_t kind, const char *name)
{
    _cleanup_(freep) char *with_kind = str_printf("%s-%s.so", plugin_kind_name(kind) ?: "", name);
    _cleanup_(freep) char *plain = str_printf("%s.so", name);
    for (size_t i = 0; i < reg->n_refusals; i++) {
        const struct refusal *r = &reg->refusals[i];
        if (str_eq(r->file, with_kind) || str_eq(r->file, plain))
            return r->reason;
    }
    return NULL;
}

int registry_find_or_err(const struct registry *reg, uint32_t kind, const char *name,
                         struct plugin **out, struct err *err)
{
    *out = registry_find(reg, kind, name);
    if (*out)
        return 0;
    const char *kind_name = plugin_kind_name(kind) ?: "known",
               *reason = refusal_of(reg, kind, name);
    if (reason)
        return err_set(err, -ENOENT, "the %s driver \"%s\" was refused: %s", kind_name, name,
                       reason);
    _cleanup_(strv_fini) struct strv names = {0}, all = {0};
    for (size_t i = 0; i < reg->n; i++) {
        const struct plugin *p = reg->plugins[i];
        if (p->desc->kind != kind)
            continue;
        strv_add(&names, p->name);
        strv_add(&all, p->name);
        for (size_t a = 0; a < p->aliases.n; a++)
            strv_add(&all, p->aliases.v[a]);
    }
    const char *near = str_nearest(name, (const char *const *)all.v, all.n);
    _cleanup_(freep) char *list = strv_join(&names, ", ");
    _cleanup_(freep) char *hint = near ? str_printf(" (did you mean \"%s\"?)", near) : xstrdup("");
    return err_set(err, -ENOENT, "there is no %s driver \"%s\"%s; there are: %s", kind_name, name,
                   hint, names.n ? list : "none");
}

int registry_each(const struct registry *reg, uint32_t kind,
                  int (*each)(void *ctx, struct plugin *p), void *ctx)
{
    for (size_t i = 0; i < reg->n; i++) {
        if (kind && reg->plugins[i]->desc->kind != kind)
            continue;
        int r = each(ctx, reg->plugins[i]);
        if (r)
            return r;
    }
    return 0;
}
