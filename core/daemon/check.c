/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checking a configuration
 *
 * The file's own rules were checked when it was loaded; here the drivers that it names are looked
 * up and its options for them held against their schemas.
 */
#include "daemon/check.h"

#include <errno.h>

#include "config/config.h"
#include "plugin/options.h"
#include "plugin/registry.h"

static uint32_t section_kind(const char *section)
{
    if (str_eq(section, "storage"))
        return BERTH_STORAGE;
    if (str_eq(section, "network"))
        return BERTH_NETWORK;
    return BERTH_LOG;
}

static int driver_check(void *ctx, const char *section, const char *driver, const char *name,
                        const char *value, bool *secret, struct err *err)
{
    struct plugin *p = NULL;
    int r = registry_find_or_err(ctx, section_kind(section), driver, &p, err);
    if (r < 0 || !name)
        return r;
    return options_check(p->desc->options, BERTH_OPT_DAEMON, name, value, secret, err);
}

int check_config(struct config *cfg, struct err *err)
{
    _cleanup_(registry_freep) struct registry *reg = registry_new();
    int r =
        registry_load_dirs(reg, (const char *const *)cfg->plugin_dirs.v, cfg->plugin_dirs.n, err);
    return r < 0 ? r : config_check_drivers(cfg, driver_check, reg, err);
}
