/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon.conf from any bytes
 *
 * Parses, merges over itself, applies the schema and dumps. Includes are refused, so no file is opened.
 */
#include <stdint.h>

#include "base/log.h"
#include "config/apply.h"
#include "config/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 loses the pieces of a string in which it meets a syntax error: bounded by the text, and not ours. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig.so";
}

static struct config_node *parse(const uint8_t *data, size_t n)
{
    struct config_node *tree = NULL;
    _cleanup_(err_fini) struct err err = {0};
    config_parse_text("fuzz", (const char *)data, n, NULL, &tree, &err);
    return tree;
}

static void use(struct config *cfg)
{
    _cleanup_(err_fini) struct err err = {0};
    if (config_apply(cfg, cfg->tree, &err) < 0 || config_check_whole(cfg, cfg->tree, &err) < 0)
        return;
    _cleanup_(freep) char *text = config_dump_text(cfg);
    json_decref(config_dump(cfg));
    json_decref(config_diff(cfg, cfg));
    json_decref(config_driver_options(cfg, "storage", "x"));
}

static void try_value(const uint8_t *data, size_t n)
{
    _cleanup_(freep) char *text = xstrndup((const char *)data, n);
    config_node_free(config_parse_value(text, "fuzz"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > 64 << 10)
        return 0;
    try_value(data, MIN(n, 4096));
    struct config_node *tree = parse(data, n);
    if (!tree)
        return 0;
    struct config *cfg = xcalloc(1, sizeof(*cfg));
    cfg->refs = 1;
    cfg->tree = tree;
    config_node_merge(tree, parse(data, n));
    use(cfg);
    config_unref(cfg);
    return 0;
}
