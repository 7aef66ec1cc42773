/* SPDX-License-Identifier: Apache-2.0 */
/* daemon.conf: which files and flags make it up, and in which order. */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>

#include "base/log.h"
#include "build-config.h"
#include "config/apply.h"
#include "config/node.h"
#include "config/parse.h"
#include "config/schema.h"

struct config *config_ref(struct config *cfg)
{
    __atomic_add_fetch(&cfg->refs, 1, __ATOMIC_RELAXED);
    return cfg;
}

void config_unref(struct config *cfg)
{
    if (!cfg || __atomic_sub_fetch(&cfg->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    config_unapply(cfg);
    config_node_free(cfg->tree);
    config_unref(cfg->next);
    free(cfg->file);
    strv_fini(&cfg->sets);
    free(cfg);
}

static struct config *config_new(const char *file, const char *const *sets, size_t n_sets)
{
    struct config *cfg = xcalloc(1, sizeof(*cfg));
    cfg->refs = 1;
    cfg->file = xstrdup0(file);
    for (size_t i = 0; i < n_sets; i++)
        strv_add(&cfg->sets, sets[i]);
    return cfg;
}

const char *config_file(const struct config *cfg)
{
    return cfg->file ? cfg->file : BERTH_CONFDIR "/daemon.conf";
}

void config_apply_log(const struct config *cfg)
{
    enum log_level level = LOG_INFO;
    log_level_parse(cfg->log_level, &level);
    log_set_level(level);
    log_set_json(str_eq(cfg->log_format, "json"));
}

static int merge_file(struct config_node *tree, const char *path, struct err *err)
{
    struct config_node *more = NULL;
    int r = config_parse_file(path, &more, err);
    if (r == 0)
        config_node_merge(tree, more);
    return r;
}

static int is_conf(const struct dirent *entry)
{
    return str_ends(entry->d_name, ".conf") && entry->d_name[0] != '.';
}

static int compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name); /* bytes: the same order in every locale */
}

static int merge_dir(struct config_node *tree, const char *dir, struct err *err)
{
    struct dirent **entries = NULL;
    int n = scandir(dir, &entries, is_conf, compare), r = 0;
    if (n < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (n < 0)
        return err_errno(err, -errno, "%s", dir);
    for (int i = 0; i < n; i++) {
        _cleanup_(freep) char *path = str_printf("%s/%s", dir, entries[i]->d_name);
        if (r == 0)
            r = merge_file(tree, path, err);
        free(entries[i]);
    }
    free(entries);
    return r;
}

static int merge_files(const struct config *cfg, struct err *err)
{
    const char *main_file = config_file(cfg);
    _cleanup_(freep) char *copy = xstrdup(main_file);
    _cleanup_(freep) char *dir = str_printf("%s/conf.d", dirname(copy));
    int r = merge_file(cfg->tree, main_file, err);
    if (r == -ENOENT && !cfg->file) {
        err_clear(err);
        r = 0;
    }
    return r < 0 ? r : merge_dir(cfg->tree, dir, err);
}

static int split_set(const char *set, char **path, struct err *err)
{
    const char *equals = strchr(set, '=');
    if (!equals || equals == set)
        return err_set(err, -EINVAL, "--set %s: it must be KEY=VALUE, such as storage.driver=NAME",
                       set);
    *path = xstrndup(set, (size_t)(equals - set));
    if (**path != '.' && equals[-1] != '.' && !strstr(*path, "..") && !strpbrk(*path, " \t\n\""))
        return 0;
    return err_set(err, -EINVAL, "--set %s: \"%s\" is no key", set, *path);
}

/* The text behind "=" may be a secret, so neither message nor origin shows it. */
static int apply_set(struct config_node *tree, const char *set, struct err *err)
{
    _cleanup_(freep) char *path = NULL;
    int r = split_set(set, &path, err);
    if (r < 0)
        return r;
    const struct config_node *before = config_node_find(tree, path);
    if (before)
        log_info("--set %s goes over the value of %s", path, before->origin);
    _cleanup_(freep) char *origin = str_printf("--set %s", path);
    config_node_put(tree, path, config_parse_value(set + strlen(path) + 1, origin));
    return 0;
}

/* From tree to values. */
static int finish(struct config *cfg, struct err *err)
{
    int r = config_apply(cfg, cfg->tree, err);
    return r < 0 ? r : config_check_whole(cfg, cfg->tree, err);
}

int config_load(const struct config_source *src, struct config **out, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = config_new(src->file, src->sets, src->n_sets);
    cfg->tree = config_node_new(NULL, NODE_GROUP, "");
    int r = merge_files(cfg, err);
    for (size_t i = 0; r == 0 && i < src->n_sets; i++)
        r = apply_set(cfg->tree, src->sets[i], err);
    if (r == 0)
        r = finish(cfg, err);
    if (r == 0)
        *out = steal_ptr(&cfg);
    return r;
}

int config_reload(const struct config *running, struct config **fresh, struct err *err)
{
    const struct config_source src = {.file = running->file,
                                      .sets = (const char *const *)running->sets.v,
                                      .n_sets = running->sets.n};
    return config_load(&src, fresh, err);
}

int config_carry(const struct config *running, struct config *fresh, struct config **out,
                 struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg =
        config_new(fresh->file, (const char *const *)fresh->sets.v, fresh->sets.n);
    cfg->tree = config_node_clone(fresh->tree);
    for (size_t i = 0; i < config_schema_n; i++) {
        const struct config_key *key = &config_schema[i];
        const struct config_node *kept = config_node_find(running->tree, key->path);
        if (key->live)
            continue;
        config_node_drop(cfg->tree, key->path);
        if (kept)
            config_node_put(cfg->tree, key->path, config_node_clone(kept));
    }
    int r = finish(cfg, err);
    if (r < 0)
        return err_wrap(err, "a new daemon could take this configuration, but not the running one, "
                             "as other keys take effect with a new one only");
    json_auto_t *waits = config_diff(cfg, fresh);
    if (json_array_size(waits) > 0)
        cfg->next = config_ref(fresh);
    *out = steal_ptr(&cfg);
    return 0;
}
