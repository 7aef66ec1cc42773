/* SPDX-License-Identifier: Apache-2.0 */
/* What cannot be said of one value of daemon.conf alone. */
#include <errno.h>
#include <inttypes.h>

#include "base/str.h"
#include "config/apply.h"
#include "config/check.h"

static const char *origin(const struct config_node *tree, const char *path)
{
    const struct config_node *node = config_node_find(tree, path);
    return node ? node->origin : "default";
}

static const char *item_origin(const struct config_node *tree, const char *path, size_t i)
{
    const struct config_node *node = config_node_find(tree, path);
    return node && i < node->n ? node->children[i]->origin : "default";
}

static int check_roots(const struct config *cfg, const struct config_node *tree, struct err *err)
{
    if (!str_eq(cfg->data_root, cfg->run_root))
        return 0;
    return err_set(err, -EINVAL, "%s: run_root is data_root, too (%s): they must differ",
                   origin(tree, "run_root"), cfg->run_root);
}

static int check_networks(const struct config *cfg, const struct config_node *tree, struct err *err)
{
    const struct config_networks *nets = &cfg->network.predefined;
    bool found = false;
    for (size_t i = 0; i < nets->n; i++) {
        found |= str_eq(nets->v[i].name, cfg->network.dflt);
        for (size_t k = 0; k < i; k++)
            if (str_eq(nets->v[i].name, nets->v[k].name))
                return err_set(err, -EINVAL, "%s: network.predefined has two networks \"%s\"",
                               item_origin(tree, "network.predefined", i), nets->v[i].name);
    }
    if (found)
        return 0;
    return err_set(
        err, -EINVAL, "%s: network.default is \"%s\", which is none of network.predefined (%s)",
        origin(tree, "network.default"), cfg->network.dflt, origin(tree, "network.predefined"));
}

static bool overlap(const char *a, const char *b)
{
    unsigned char x[16], y[16];
    int x_bits, y_bits, x_prefix, y_prefix;
    if (config_parse_subnet(a, x, &x_bits, &x_prefix) < 0 ||
        config_parse_subnet(b, y, &y_bits, &y_prefix) < 0 || x_bits != y_bits)
        return false;
    for (int bit = 0; bit < MIN(x_prefix, y_prefix); bit++)
        if ((x[bit / 8] ^ y[bit / 8]) & (0x80 >> bit % 8))
            return false;
    return true;
}

static int check_pools(const struct config *cfg, const struct config_node *tree, struct err *err)
{
    const struct config_pools *pools = &cfg->network.address_pools;
    for (size_t i = 0; i < pools->n; i++) {
        const struct config_pool *p = &pools->v[i];
        const char *where = item_origin(tree, "network.address_pools", i);
        unsigned char a[16];
        int bits = 32, prefix = 0;
        config_parse_subnet(p->base, a, &bits, &prefix);
        if (p->size < prefix || p->size > bits - 2)
            return err_set(err, -EINVAL,
                           "%s: network.address_pools[%zu].size is %" PRId64
                           ", pieces of %s have a prefix length from %d to %d",
                           where, i, p->size, p->base, prefix, bits - 2);
        for (size_t k = 0; k < i; k++)
            if (overlap(p->base, pools->v[k].base))
                return err_set(err, -EINVAL,
                               "%s: network.address_pools[%zu].base %s overlaps %s of [%zu]", where,
                               i, p->base, pools->v[k].base, k);
    }
    return 0;
}

int config_check_whole(const struct config *cfg, const struct config_node *tree, struct err *err)
{
    if (!cfg->listen.n)
        return err_set(err, -EINVAL, "%s: listen is empty: nobody could reach the daemon",
                       origin(tree, "listen"));
    int r = check_roots(cfg, tree, err);
    if (r == 0)
        r = check_networks(cfg, tree, err);
    return r == 0 ? check_pools(cfg, tree, err) : r;
}
