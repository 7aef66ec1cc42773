/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks: what the engine calls
 *
 * The order of an attachment is: ports reserved (the likeliest refusal, and the cheapest to take back), namespace,
 * links, then the firewall, so that nothing is reachable before it is complete. Detaching goes the other way.
 */
#include "network/network.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "network/exec.h"
#include "network/firewall.h"
#include "network/internal.h"
#include "network/netd-client.h"
#include "network/netns.h"
#include "network/plan.h"
#include "network/ports.h"
#include "plugin/err-bridge.h"

#define NAME_TRIES 4 /* endpoint ids, of which six digits are part of a link's name */

struct network_ctx *network_open(const struct network_config *cfg, struct err *err)
{
    struct network_ctx *n = xcalloc(1, sizeof(*n));
    n->instance = xstrdup(cfg->instance);
    n->prefix = str_printf("b%s", cfg->instance);
    bool ok = (n->exec = executor_open(cfg->instance, err)) &&
              (n->fw = firewall_open(cfg->instance, cfg->rules_path, err)) &&
              (n->netd = netd_client_open(cfg->netd_path, cfg->run_root, err)) &&
              (n->pool = netns_pool_open(cfg->pool, err));
    if (!ok) {
        network_close(n);
        return NULL;
    }
    return n;
}

void network_close(struct network_ctx *n)
{
    if (!n)
        return;
    netns_pool_close(n->pool);
    netd_client_close(n->netd);
    firewall_close(n->fw);
    executor_close(n->exec);
    free(n->instance);
    free(n->prefix);
    free(n);
}

int network_destroy(struct network_ctx *n, struct err *err)
{
    int r = netd_shutdown(n->netd, err);
    int s = firewall_destroy(n->fw, r < 0 ? NULL : err);
    return r < 0 ? r : s;
}

void network_netns_dispose(struct network_ctx *n, int fd)
{
    netns_pool_dispose(n->pool, fd);
}

/* --- networks */

static struct berth_network_info info_of(const struct network_ctx *n, const struct network_def *d)
{
    return (struct berth_network_info){.size = sizeof(struct berth_network_info),
                                       .id = d->id,
                                       .name = d->name,
                                       .prefix = n->prefix,
                                       .options = d->options,
                                       .internal = d->internal,
                                       .ipv6 = d->ipv6,
                                       .predefined = d->predefined,
                                       .is_default = d->is_default,
                                       .subnet = d->subnet,
                                       .gateway = d->gateway,
                                       .subnet6 = d->subnet6,
                                       .gateway6 = d->gateway6};
}

/* What the plan refused is clearer than what the driver made of it. */
static int plan_result(const struct plan *p, int r, const struct network_driver *d,
                       const char *slot, struct err *err)
{
    if (r == 0)
        return 0;
    if (p->err.code < 0)
        return err_set(err, p->err.code, "network driver %s: %s", d->name, err_msg(&p->err));
    return plugin_result(r, err, d->name, slot);
}

/* Only where it is off: a write resets settings of every interface. */
static int forwarding_enable(struct err *err)
{
    static const char path[] = "/proc/sys/net/ipv4/ip_forward";
    _cleanup_(freep) char *now = NULL;
    if (fs_read(AT_FDCWD, path, 16, &now, NULL) == 0 && now[0] == '1')
        return 0;
    int r = fs_write(AT_FDCWD, path, "1\n", 2, 0644);
    if (r < 0)
        return err_errno(err, r, "cannot enable IP forwarding (%s); set it, or ip_forward = false",
                         path);
    log_info("net.ipv4.ip_forward is now 1, for containers' traffic");
    return 0;
}

static int net_secure(struct network_ctx *n, const json_t *plan, struct err *err)
{
    const json_t *flags = json_obj(plan, "flags");
    struct firewall_network f = {.device = json_str(plan, "device", NULL),
                                 .internal = json_bool(flags, "internal", false),
                                 .icc = json_bool(flags, "icc", true),
                                 .masquerade = json_bool(flags, "masquerade", false)};
    int r = f.device ? firewall_network_add(n->fw, &f, err) : 0;
    if (r == 0 && json_bool(flags, "ip_forward", false))
        r = forwarding_enable(err);
    return r;
}

int network_net_create(struct network_ctx *n, const struct network_driver *d,
                       const struct network_def *def, json_t **plan, struct err *err)
{
    _cleanup_(plan_fini) struct plan p;
    struct berth_network_info info = info_of(n, def);
    plan_init(&p);
    PLUGIN_ERR(perr, err);
    int r = d->ops->network_create(d->self, &info, &p.api, &perr.base);
    r = plan_result(&p, r, d, "network_create", err);
    if (r < 0)
        return r;
    /* Rules first: between them and the links nothing is open that shall be closed. */
    r = net_secure(n, p.json, err);
    if (r == 0)
        r = executor_network_make(n->exec, def->id, p.json, err);
    if (r == 0)
        *plan = steal_ptr(&p.json);
    else if (json_str(p.json, "device", NULL))
        firewall_network_remove(n->fw, json_str(p.json, "device", NULL), NULL);
    return r;
}

int network_net_remove(struct network_ctx *n, const struct network_driver *d,
                       const struct network_def *def, const json_t *plan, struct err *err)
{
    int r = executor_network_remove(n->exec, plan, err);
    const char *device = json_str(plan, "device", NULL);
    if (r == 0 && device)
        r = firewall_network_remove(n->fw, device, err);
    if (r < 0 || !BERTH_HAS(d->ops, network_remove))
        return r;
    struct berth_network_info info = info_of(n, def);
    PLUGIN_ERR(perr, err);
    return plugin_result(d->ops->network_remove(d->self, &info, &perr.base), err, d->name,
                         "network_remove");
}

int network_subnet_free(struct network_ctx *n, const char *subnet, struct err *err)
{
    struct cidr c;
    if (cidr_parse(subnet, &c) < 0)
        return err_set(err, -EINVAL, "\"%s\" is not a subnet", subnet);
    return executor_subnet_free(n->exec, &c, NULL, err);
}

/* --- attaching */

void network_attachment_fini(struct network_attachment *a)
{
    close_fd(a->netns_fd);
    json_decref(a->state);
    *a = (struct network_attachment){.netns_fd = -1};
}

static struct berth_endpoint_info endpoint_of(const struct network_attach_req *req, const char *id)
{
    return (struct berth_endpoint_info){.size = sizeof(struct berth_endpoint_info),
                                        .id = id,
                                        .container_id = req->container_id,
                                        .interface = req->interface ? req->interface : "eth0",
                                        .address = req->address,
                                        .address6 = req->address6,
                                        .mac = req->mac,
                                        .options = req->options,
                                        .gateway = req->gateway};
}

/* Asks the driver; *plan is the caller's. */
static int endpoint_plan(struct network_ctx *n, const struct network_attach_req *req,
                         const char *id, json_t **plan, struct err *err)
{
    _cleanup_(plan_fini) struct plan p;
    struct berth_network_info info = info_of(n, req->def);
    struct berth_endpoint_info ep = endpoint_of(req, id);
    plan_init(&p);
    PLUGIN_ERR(perr, err);
    int r = req->driver->ops->endpoint_create(req->driver->self, &info, &ep, &p.api, &perr.base);
    r = plan_result(&p, r, req->driver, "endpoint_create", err);
    if (r == 0)
        *plan = steal_ptr(&p.json);
    return r;
}

static int ports_take(struct network_ctx *n, const struct network_attach_req *req, json_t *state,
                      struct err *err)
{
    const char *target = json_str(json_obj(state, "plan"), "publish", NULL);
    _cleanup_(port_list_fini) struct port_list list = {0};
    int r = target ? ports_parse(req->bindings, req->host_ip, &list, err) : 0;
    if (r == 0 && list.n) {
        json_auto_t *wanted = ports_request(&list, target);
        json_t *got = NULL;
        r = netd_reserve(n->netd, req->container_id, wanted, &got, err);
        if (r == -EEXIST) { /* of an earlier run that was never detached */
            err_clear(err);
            r = netd_release(n->netd, req->container_id, err);
            r = r < 0 ? r : netd_reserve(n->netd, req->container_id, wanted, &got, err);
        }
        if (r == 0)
            r = ports_answer(&list, got, err);
        else if (r != -EADDRINUSE) /* it may have died between holding them and saying so */
            (void)netd_release(n->netd, req->container_id, NULL);
        json_put_take(state, "reserved", got ? got : json_null());
    }
    if (r == 0)
        json_put_take(state, "Ports", ports_json(&list, target ? req->exposed : NULL));
    return r;
}

static int ports_open(struct network_ctx *n, const json_t *state, bool open, struct err *err)
{
    const json_t *reserved = json_arr(state, "reserved");
    _cleanup_(port_list_fini) struct port_list list = {0};
    struct addr target;
    if (!reserved)
        return 0;
    int r = ports_load(reserved, &list, err);
    if (r < 0)
        return r;
    if (addr_parse(json_str(json_obj(state, "plan"), "publish", ""), &target) < 0)
        return err_set(err, -EINVAL, "a stored attachment holds a bad address");
    size_t k;
    _cleanup_(freep) struct firewall_port *ports = ports_firewall(&list, &target, &k);
    return open ? firewall_ports_add(n->fw, ports, k, err)
                : firewall_ports_remove(n->fw, ports, k, err);
}

/* Makes the links; a name that is taken gets another id. */
static int endpoint_make(struct network_ctx *n, const struct network_attach_req *req, int netns_fd,
                         json_t *state, struct err *err)
{
    for (int tries = 1;; tries++) {
        int r = executor_endpoint_make(n->exec, json_obj(state, "plan"), netns_fd, err);
        if (r != -EEXIST || tries == NAME_TRIES)
            return r;
        char id[ID_MAX];
        json_t *plan = NULL;
        id_new(id);
        err_clear(err);
        r = endpoint_plan(n, req, id, &plan, err);
        if (r < 0)
            return r;
        json_put_str(state, "EndpointID", id);
        json_put_take(state, "plan", plan);
    }
}

static int driver_attach(struct network_ctx *n, const struct network_attach_req *req,
                         const json_t *state, int netns_fd, struct err *err)
{
    if (!BERTH_HAS(req->driver->ops, attach))
        return 0;
    struct berth_network_info info = info_of(n, req->def);
    struct berth_endpoint_info ep = endpoint_of(req, json_str(state, "EndpointID", ""));
    PLUGIN_ERR(perr, err);
    int r = req->driver->ops->attach(req->driver->self, &info, &ep, netns_fd, &perr.base);
    return plugin_result(r, err, req->driver->name, "attach");
}

/* The MAC address that the plan gives the container's interface, or "". */
static const char *plan_mac(const json_t *plan)
{
    size_t i;
    json_t *op;
    json_array_foreach (json_arr(plan, "ops"), i, op) {
        if (json_str(op, "inside", NULL) && json_str(op, "mac", NULL))
            return json_str(op, "mac", "");
    }
    return "";
}

static void put_address(json_t *state, const char *cidr, const char *key, const char *prefix_key)
{
    struct cidr c = {0};
    char text[ADDR_TEXT_MAX] = "";
    if (cidr && cidr_parse(cidr, &c) == 0)
        addr_format(&c.a, text);
    json_put_str(state, key, text);
    json_put_int(state, prefix_key, c.prefix);
}

static void state_describe(json_t *state, const struct network_attach_req *req)
{
    const struct network_def *def = req->def;
    bool addressed = json_str(json_obj(state, "plan"), "publish", NULL) || req->address;
    put_address(state, addressed ? req->address : NULL, "IPAddress", "IPPrefixLen");
    put_address(state, req->address6, "GlobalIPv6Address", "GlobalIPv6PrefixLen");
    json_put_str(state, "Gateway",
                 req->address && def->gateway && !def->internal ? def->gateway : "");
    json_put_str(state, "IPv6Gateway",
                 req->address6 && def->gateway6 && !def->internal ? def->gateway6 : "");
    json_put_str(state, "MacAddress", plan_mac(json_obj(state, "plan")));
}

static bool is_host(const json_t *state)
{
    return json_int(json_obj(state, "plan"), "netns", 0) == BERTH_NETNS_HOST;
}

static void attach_undo(struct network_ctx *n, const struct network_attach_req *req,
                        const json_t *state)
{
    network_detach(n, req->driver, req->def, state, NULL);
    network_release(n, state, NULL);
}

static int begin_steps(struct network_ctx *n, const struct network_attach_req *req, json_t *state,
                       int *netns_fd, struct err *err)
{
    int r = ports_take(n, req, state, err);
    if (r == 0)
        r = failpoint("attach.reserved", err);
    if (r < 0 || is_host(state) || req->netns_fd >= 0)
        return r;
    *netns_fd = netns_pool_take(n->pool, err);
    return *netns_fd < 0 ? *netns_fd : 0;
}

int network_attach_begin(struct network_ctx *n, const struct network_attach_req *req,
                         struct network_attachment *out, struct err *err)
{
    char id[ID_MAX];
    json_t *plan = NULL;
    id_new(id);
    int r = endpoint_plan(n, req, id, &plan, err);
    if (r < 0)
        return r;
    json_auto_t *state = json_object();
    _cleanup_(closep) int netns_fd = -1;
    json_put_str(state, "container_id", req->container_id);
    json_put_str(state, "network_id", req->def->id);
    json_put_str(state, "EndpointID", id);
    json_put_take(state, "plan", plan);
    r = begin_steps(n, req, state, &netns_fd, err);
    if (r < 0) {
        attach_undo(n, req, state);
        return r;
    }
    state_describe(state, req);
    *out = (struct network_attachment){.netns_fd = steal_fd(&netns_fd), .state = steal_ptr(&state)};
    return 0;
}

static int finish_steps(struct network_ctx *n, const struct network_attach_req *req, json_t *state,
                        int fd, struct err *err)
{
    int r = endpoint_make(n, req, is_host(state) ? -1 : fd, state, err);
    if (r < 0)
        return r; /* its links are gone again; one of that name would be another's */
    json_put_bool(state, "linked", true);
    state_describe(state, req); /* under another name it has another address */
    r = failpoint("attach.linked", err);
    if (r == 0)
        r = driver_attach(n, req, state, fd, err);
    if (r == 0)
        r = ports_open(n, state, true, err);
    return r < 0 ? r : failpoint("attach.opened", err);
}

int network_attach_finish(struct network_ctx *n, const struct network_attach_req *req,
                          const struct network_attachment *a, struct err *err)
{
    int r = finish_steps(n, req, a->state, req->netns_fd >= 0 ? req->netns_fd : a->netns_fd, err);
    if (r < 0)
        attach_undo(n, req, a->state);
    return r;
}

void network_attach_cancel(struct network_ctx *n, const struct network_attach_req *req,
                           const struct network_attachment *a)
{
    attach_undo(n, req, a->state);
}

int network_attach_owner(struct network_ctx *n, const json_t *state, pid_t pid, int64_t start,
                         struct err *err)
{
    if (!json_arr(state, "reserved"))
        return 0;
    return netd_watch(n->netd, json_str(state, "container_id", ""), pid, start, err);
}

/* --- detaching: the first failure's words stay */

static int driver_detach(struct network_ctx *n, const struct network_driver *d,
                         const struct network_def *def, const json_t *state, struct err *err)
{
    if (!d || !BERTH_HAS(d->ops, endpoint_remove))
        return 0;
    struct berth_network_info info = info_of(n, def);
    struct berth_endpoint_info ep = {.size = sizeof(ep),
                                     .id = json_str(state, "EndpointID", ""),
                                     .container_id = json_str(state, "container_id", ""),
                                     .interface = "eth0"};
    PLUGIN_ERR(perr, err);
    return plugin_result(d->ops->endpoint_remove(d->self, &info, &ep, &perr.base), err, d->name,
                         "endpoint_remove");
}

int network_detach(struct network_ctx *n, const struct network_driver *d,
                   const struct network_def *def, const json_t *state, struct err *err)
{
    int first = ports_open(n, state, false, err);
    (void)failpoint("detach.closed", NULL);
    if (json_bool(state, "linked", false)) {
        int r = executor_endpoint_remove(n->exec, json_obj(state, "plan"), first ? NULL : err);
        first = first ? first : r;
    }
    (void)failpoint("detach.unlinked", NULL);
    int r = driver_detach(n, d, def, state, first ? NULL : err);
    return first ? first : r;
}

int network_release(struct network_ctx *n, const json_t *state, struct err *err)
{
    return json_arr(state, "reserved")
               ? netd_release(n->netd, json_str(state, "container_id", ""), err)
               : 0;
}

int network_release_of(struct network_ctx *n, const char *container_id, struct err *err)
{
    return netd_release(n->netd, container_id, err);
}

int network_link_remove(struct network_ctx *n, const char *name, struct err *err)
{
    return executor_link_remove(n->exec, name, err);
}

int network_element_settle(struct network_ctx *n, const char *element, struct err *err)
{
    return firewall_is_port(element) ? firewall_element_remove(n->fw, element, err)
                                     : firewall_sync(n->fw, err);
}

/* --- after a restart */

bool network_netd_holds(const json_t *netd, const char *container_id)
{
    size_t i;
    json_t *one;
    json_array_foreach (json_arr(netd, "holders"), i, one) {
        if (str_eq(json_str(one, "id", ""), container_id))
            return true;
    }
    return false;
}

/* Reserves again at the very ports. */
static int reserve_again(struct network_ctx *n, const json_t *state, struct err *err)
{
    json_auto_t *ports = json_array();
    size_t i;
    json_t *p;
    json_array_foreach (json_arr(state, "reserved"), i, p) {
        int64_t port = json_int(p, "host_port", 0);
        if (!port)
            continue;
        json_t *one = json_copy(p);
        json_put_int(one, "lo", port);
        json_put_int(one, "hi", port);
        json_push_take(ports, one);
    }
    json_auto_t *got = NULL;
    return netd_reserve(n->netd, json_str(state, "container_id", ""), ports, &got, err);
}

int network_restore(struct network_ctx *n, const json_t *states, struct err *err)
{
    json_auto_t *held = NULL;
    int r = netd_state(n->netd, &held, err);
    if (r < 0)
        return r;
    size_t i;
    json_t *state;
    json_array_foreach (states, i, state) {
        const char *id = json_str(state, "container_id", "");
        _cleanup_(err_fini) struct err why = {0};
        r = ports_open(n, state, true, &why);
        if (r == 0 && json_arr(state, "reserved") && !network_netd_holds(held, id))
            r = reserve_again(n, state, &why);
        if (r < 0) /* one container's ports must not keep the others' from coming back */
            log_warn("container %.12s: its ports are not all back: %s", id, err_msg(&why));
    }
    r = firewall_sync(n->fw, err);
    return r < 0 ? r : failpoint("restore.synced", err);
}

int network_strays_remove(struct network_ctx *n, const json_t *states, struct err *err)
{
    json_auto_t *plans = json_array();
    size_t i;
    json_t *state;
    json_array_foreach (states, i, state)
        json_array_append(plans, json_obj(state, "plan"));
    return executor_strays_remove(n->exec, plans, err);
}
