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

void config_free(struct config *cfg)
{
    if (!cfg)
        return;
    config_unapply(cfg);
    config_node_free(cfg->tree);
    free(cfg);
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

static int merge_files(struct config_node *tree, const char *file, struct err *err)
{
    const char *main_file = file ? file : BERTH_CONFDIR "/daemon.conf";
    _cleanup_(freep) char *copy = xstrdup(main_file);
    _cleanup_(freep) char *dir = str_printf("%s/conf.d", dirname(copy));
    int r = merge_file(tree, main_file, err);
    if (r == -ENOENT && !file) {
        err_clear(err);
        r = 0;
    }
    return r < 0 ? r : merge_dir(tree, dir, err);
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

int config_load(const struct config_source *src, struct config **out, struct err *err)
{
    _cleanup_(config_freep) struct config *cfg = xcalloc(1, sizeof(*cfg));
    cfg->tree = config_node_new(NULL, NODE_GROUP, "");
    int r = merge_files(cfg->tree, src->file, err);
    for (size_t i = 0; r == 0 && i < src->n_sets; i++)
        r = apply_set(cfg->tree, src->sets[i], err);
    if (r == 0)
        r = config_apply(cfg, cfg->tree, err);
    if (r == 0)
        r = config_check_whole(cfg, cfg->tree, err);
    if (r < 0)
        return r;
    *out = steal_ptr(&cfg);
    return 0;
}
