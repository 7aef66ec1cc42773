/* SPDX-License-Identifier: Apache-2.0 */
/* Executor of plans: what the kernel shows after a plan was carried out or taken back. */
#include "net.h"

#include "base/clock.h"
#include "network/exec.h"
#include "network/plan.h"

#define NET_ID "5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa"

static struct executor *x;
static const struct berth_network_ops *bridge_ops;
static struct options *opts;

static int setup(void **state)
{
    if (host_enter(state) < 0)
        return -1;
    const struct berth_plugin *p = driver_load("bridge/" BRIDGE_SO);
    bridge_ops = p->ops;
    options_new(p->options, BERTH_OPT_OBJECT, NULL, NULL, true, &opts, NULL);
    x = executor_open(INSTANCE, NULL);
    return x && opts ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    executor_close(x);
    assert_false(link_there("b" INSTANCE
                            "fedcba")); /* what was removed is gone, whoever holds its namespace */
    options_free(opts);
    return 0;
}

static struct berth_network_info net_info(void)
{
    return (struct berth_network_info){.size = sizeof(struct berth_network_info),
                                       .id = NET_ID,
                                       .name = "bridge",
                                       .prefix = "b" INSTANCE,
                                       .options = options_table(opts),
                                       .is_default = 1,
                                       .predefined = 1,
                                       .subnet = "172.29.0.0/16",
                                       .gateway = "172.29.0.1"};
}

static void network_plan(struct plan *p)
{
    struct berth_network_info info = net_info();
    plan_init(p);
    assert_int_equal(bridge_ops->network_create(NULL, &info, &p->api, NULL), 0);
}

static void endpoint_plan(struct plan *p, const char *id, const char *address)
{
    struct berth_network_info info = net_info();
    struct berth_endpoint_info ep = {.size = sizeof(ep),
                                     .id = id,
                                     .container_id = "c",
                                     .interface = "eth0",
                                     .address = address,
                                     .gateway = 1};
    plan_init(p);
    assert_int_equal(bridge_ops->endpoint_create(NULL, &info, &ep, &p->api, NULL), 0);
}

static void network_make_makes_the_bridge_with_alias_and_address(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(plan_fini) struct plan p;
    network_plan(&p);
    assert_ok(executor_network_make(x, NET_ID, p.json, &err), &err);
    _cleanup_(freep) char *out = RUN("ip", "-d", "-j", "addr", "show", "berth0");
    assert_non_null(out);
    assert_non_null(strstr(out, "\"ifalias\":\"berth:" INSTANCE ":" NET_ID "\""));
    assert_non_null(strstr(out, "\"local\":\"172.29.0.1\",\"prefixlen\":16"));
    assert_non_null(strstr(out, "\"info_kind\":\"bridge\""));
    assert_non_null(strstr(out, "\"UP\""));
    assert_ok(executor_network_make(x, NET_ID, p.json, &err), &err); /* again: nothing to do */
    assert_ok(executor_network_remove(x, p.json, &err), &err);
    assert_false(link_there("berth0"));
    assert_ok(executor_network_remove(x, p.json, &err), &err);
}

static void network_make_refuses_a_link_that_is_not_ours(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(plan_fini) struct plan p;
    DO("ip", "link", "add", "berth0", "type", "bridge");
    network_plan(&p);
    assert_int_equal(executor_network_make(x, NET_ID, p.json, &err), -EEXIST);
    assert_non_null(strstr(err_msg(&err), "berth0"));
    DO("ip", "link", "set", "berth0", "alias", "berth:ffff0000:1234");
    assert_int_equal(executor_network_make(x, NET_ID, p.json, &err), -EEXIST);
    assert_non_null(strstr(err_msg(&err), "ffff0000"));
    assert_ok(executor_network_remove(x, p.json, &err), &err);
    assert_true(link_there("berth0"));
    DO("ip", "link", "del", "berth0");
}

static void network_make_refuses_a_subnet_that_the_host_routes(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(plan_fini) struct plan p;
    DO("ip", "link", "add", "lan0", "type", "veth", "peer", "name", "lan1");
    DO("ip", "link", "set", "lan0", "up");
    DO("ip", "addr", "add", "172.29.4.9/24", "dev", "lan0");
    network_plan(&p);
    assert_int_equal(executor_network_make(x, NET_ID, p.json, &err), -EADDRINUSE);
    assert_non_null(strstr(err_msg(&err), "172.29.0.0/16"));
    assert_non_null(strstr(err_msg(&err), "lan0"));
    assert_false(link_there("berth0"));
    DO("ip", "link", "del", "lan0");
}

static int ns_take(void)
{
    _cleanup_(err_fini) struct err err = {0};
    int ns = netns_create(&err);
    assert_ok(ns, &err);
    return ns;
}

static char *in_ns(int ns, const char *const *argv)
{
    int home;
    assert_int_equal(netns_enter(ns, &home, NULL), 0);
    char *out = run(argv);
    netns_leave(home);
    return out;
}

static void endpoint_make_gives_the_container_its_interface(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(plan_fini) struct plan net, ep;
    _cleanup_(closep) int ns = ns_take();
    network_plan(&net);
    assert_ok(executor_network_make(x, NET_ID, net.json, &err), &err);
    endpoint_plan(&ep, "fedcba012345", "172.29.0.2/16");
    int64_t t = time_mono_ns();
    assert_ok(executor_endpoint_make(x, ep.json, ns, &err), &err);
    print_message("endpoint made in %.2f ms\n", (double)(time_mono_ns() - t) / 1e6);
    assert_true(link_there("b" INSTANCE "fedcba"));
    _cleanup_(freep) char *addr = in_ns(ns, (const char *[]){"ip", "-j", "addr", NULL});
    assert_non_null(strstr(addr, "\"ifname\":\"eth0\""));
    assert_non_null(strstr(addr, "02:42:ac:1d:00:02"));
    assert_non_null(strstr(addr, "\"local\":\"172.29.0.2\",\"prefixlen\":16"));
    assert_null(strstr(addr, "fe80"));
    _cleanup_(freep) char *route = in_ns(ns, (const char *[]){"ip", "-j", "route", NULL});
    assert_non_null(
        strstr(route, "\"dst\":\"default\",\"gateway\":\"172.29.0.1\",\"dev\":\"eth0\""));
    assert_int_equal(executor_endpoint_make(x, ep.json, ns, NULL), -EEXIST);
    t = time_mono_ns();
    assert_ok(executor_endpoint_remove(x, ep.json, &err), &err);
    print_message("endpoint removed in %.2f ms\n", (double)(time_mono_ns() - t) / 1e6);
    _cleanup_(freep) char *bridged =
        run((const char *[]){"ip", "-o", "link", "show", "master", "berth0", NULL});
    assert_string_equal(bridged, "");
    assert_ok(executor_endpoint_remove(x, ep.json, &err), &err);
    executor_network_remove(x, net.json, NULL);
}

static void endpoint_make_takes_all_back_when_a_step_fails(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(plan_fini) struct plan net, ep;
    _cleanup_(closep) int ns = ns_take();
    network_plan(&net);
    assert_ok(executor_network_make(x, NET_ID, net.json, &err), &err);
    endpoint_plan(&ep, "abcdef012345", "172.29.0.2/16");
    ep.api.route(&ep.api, BERTH_IN_CONTAINER, "10.9.0.0/16", "10.200.0.1",
                 "eth0"); /* not on-link */
    assert_true(executor_endpoint_make(x, ep.json, ns, &err) < 0);
    assert_non_null(err.msg);
    assert_false(link_there("b" INSTANCE "abcdef"));
    executor_network_remove(x, net.json, NULL);
}

static void plan_refuses_what_cannot_be(void **state)
{
    (void)state;
    _cleanup_(plan_fini) struct plan p;
    plan_init(&p);
    assert_int_equal(p.api.address(&p.api, BERTH_ON_HOST, "eth0", "1.2.3/8"), -EINVAL);
    assert_non_null(strstr(err_msg(&p.err), "1.2.3/8"));
    assert_int_equal(p.api.sysctl(&p.api, BERTH_ON_HOST, "kernel.core_pattern", "x"), -EINVAL);
    assert_int_equal(p.api.sysctl(&p.api, BERTH_ON_HOST, "net/../kernel/x", "x"), -EINVAL);
    assert_int_equal(p.api.device(&p.api, "a-name-that-is-too-long"), -EINVAL);
    struct berth_link l = {.size = sizeof(l), .kind = "tun", .name = "t0"};
    assert_int_equal(p.api.link(&p.api, &l), -EINVAL);
    assert_int_equal(json_array_size(json_arr(p.json, "ops")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(network_make_makes_the_bridge_with_alias_and_address),
        cmocka_unit_test(network_make_refuses_a_link_that_is_not_ours),
        cmocka_unit_test(network_make_refuses_a_subnet_that_the_host_routes),
        cmocka_unit_test(endpoint_make_gives_the_container_its_interface),
        cmocka_unit_test(endpoint_make_takes_all_back_when_a_step_fails),
        cmocka_unit_test(plan_refuses_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
