/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of daemon.conf that drivers and modules own. */
#include <errno.h>

#include "base/json.h"
#include "config/config.h"
#include "config/node.h"

struct check {
    config_check_fn *fn;
    void *ctx;
    struct err *err;
};

static const char *const sections[] = {"storage", "network", "logs"};

static const struct config_node *options_of(const struct config *cfg, const char *section)
{
    _cleanup_(freep) char *path = str_printf("%s.options", section);
    return config_node_find(cfg->tree, path);
}

json_t *config_driver_options(const struct config *cfg, const char *section, const char *driver)
{
    const struct config_node *group = config_node_get(options_of(cfg, section), driver);
    json_t *values = json_object();
    for (size_t i = 0; group && i < group->n; i++) {
        _cleanup_(freep) char *text = config_node_text(group->children[i]);
        if (text)
            json_put_str(values, group->children[i]->name, text);
    }
    return values;
}

json_t *config_module(const struct config *cfg, const char *name)
{
    const struct config_node *node = config_node_get(config_node_find(cfg->tree, "modules"), name);
    return node ? config_node_json(node, true) : NULL;
}

static int ask(const struct check *c, const char *section, const char *driver, const char *name,
               const char *value, struct config_node *where, const char *key)
{
    bool secret = false;
    int r = c->fn(c->ctx, section, driver, name, value, &secret, c->err);
    where->secret |= secret;
    if (r >= 0)
        return 0;
    if (c->err && !c->err->code)
        c->err->code = r;
    err_wrap(c->err, "%s: %s", where->origin, key);
    return r;
}

static int check_option(const struct check *c, const char *section, const char *driver,
                        struct config_node *option)
{
    _cleanup_(freep) char *key = str_printf("%s.options.%s", section, driver);
    _cleanup_(freep) char *value = config_node_text(option);
    if (!value)
        return err_set(c->err, -EINVAL, "%s: %s.%s is %s, it must be a single value",
                       option->origin, key, option->name, config_node_type_words(option));
    return ask(c, section, driver, option->name, value, option, key);
}

static int check_section(const struct check *c, const struct config *cfg, const char *section)
{
    const struct config_node *options = options_of(cfg, section);
    for (size_t i = 0; options && i < options->n; i++) {
        struct config_node *group = options->children[i];
        _cleanup_(freep) char *key = str_printf("%s.options", section);
        int r = ask(c, section, group->name, NULL, NULL, group, key);
        for (size_t k = 0; r == 0 && k < group->n; k++)
            r = check_option(c, section, group->name, group->children[k]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_named(const struct check *c, const struct config *cfg, const char *section)
{
    _cleanup_(freep) char *key = str_printf("%s.driver", section);
    struct config_node *node = config_node_find(cfg->tree, key);
    return node ? ask(c, section, node->text, NULL, NULL, node, key) : 0;
}

static int check_networks(const struct check *c, const struct config *cfg)
{
    const struct config_node *list = config_node_find(cfg->tree, "network.predefined");
    for (size_t i = 0; list && i < list->n; i++) {
        struct config_node *node = config_node_get(list->children[i], "driver");
        int r = ask(c, "network", node->text, NULL, NULL, node, "network.predefined");
        if (r < 0)
            return r;
    }
    return 0;
}

int config_check_drivers(struct config *cfg, config_check_fn *fn, void *ctx, struct err *err)
{
    const struct check c = {fn, ctx, err};
    int r = check_networks(&c, cfg);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(sections); i++) {
        r = check_named(&c, cfg, sections[i]);
        if (r == 0)
            r = check_section(&c, cfg, sections[i]);
    }
    return r;
}
