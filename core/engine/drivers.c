/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers
 *
 * Loaded by what the configuration says, and the services that the engine gives to them: netlink, tar, events.
 */
#include "engine/drivers.h"

#include <errno.h>
#include <netlink/msg.h>

#include "base/json.h"
#include "config/config.h"
#include "engine/storage.h"
#include "image/archive.h"
#include "network/nl.h"
#include "plugin/options.h"
#include "plugin/registry.h"

int drivers_load(struct engine *e, struct err *err)
{
    _cleanup_(config_unrefp) struct config *cfg = engine_config(e);
    e->registry = registry_new();
    return registry_load_dirs(e->registry, (const char *const *)cfg->plugin_dirs.v,
                              cfg->plugin_dirs.n, err);
}

static uint32_t section_kind(const char *section)
{
    if (str_eq(section, "storage"))
        return BERTH_STORAGE;
    return str_eq(section, "network") ? BERTH_NETWORK : BERTH_LOG;
}

static int check(void *ctx, const char *section, const char *driver, const char *name,
                 const char *value, bool *secret, struct err *err)
{
    struct plugin *p = NULL;
    int r = registry_find_or_err(ctx, section_kind(section), driver, &p, err);
    if (r < 0 || !name)
        return r;
    return options_check(p->desc->options, BERTH_OPT_DAEMON, name, value, secret, err);
}

int drivers_check(struct registry *registry, struct config *config, struct err *err)
{
    return config_check_drivers(config, check, registry, err);
}

static int serve_netlink(void *ctx, const void *nlmsg, size_t n, struct err *err)
{
    (void)ctx;
    const struct nlmsghdr *head = nlmsg;
    if (n < sizeof(*head) || head->nlmsg_len != n)
        return err_set(err, -EINVAL, "a netlink message of a wrong length");
    struct nl_msg *m = nlmsg_convert((struct nlmsghdr *)head);
    if (!m)
        return err_set(err, -ENOMEM, "no memory for a netlink message");
    _cleanup_(closep) int sock = nl_sock_open(NETLINK_ROUTE);
    if (sock < 0) {
        nlmsg_free(m);
        return err_errno(err, sock, "opening a netlink socket");
    }
    return nl_request(sock, m, err);
}

static int serve_unpack(void *ctx, int tar_fd, int dir_fd, uint32_t form, struct err *err)
{
    (void)ctx;
    return archive_unpack(tar_fd, dir_fd, form, NULL, err);
}

static int serve_pack(void *ctx, int dir_fd, int tar_fd, uint32_t form, struct err *err)
{
    (void)ctx;
    return archive_pack(dir_fd, tar_fd, form, err);
}

static void serve_event(void *ctx, uint32_t kind, const char *driver, const char *action,
                        const char *actor, const char *const *attributes)
{
    struct engine *e = ctx;
    json_t *all = json_object();
    json_put_str(all, "driver", driver);
    for (size_t i = 0; attributes && attributes[i]; i++) {
        const char *eq = strchr(attributes[i], '=');
        _cleanup_(freep) char *key =
            eq ? xstrndup(attributes[i], (size_t)(eq - attributes[i])) : xstrdup(attributes[i]);
        json_put_str(all, key, eq ? eq + 1 : "");
    }
    const char *type = plugin_kind_name(kind);
    event_publish(e->events, type ? type : "plugin", action, actor, all);
}

const struct host_services *engine_host_services(struct engine *e)
{
    e->services = (struct host_services){
        .ctx = e,
        .netlink = serve_netlink,
        .tar_unpack = serve_unpack,
        .tar_pack = serve_pack,
        .event = serve_event,
    };
    return &e->services;
}
