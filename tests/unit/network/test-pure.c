/* SPDX-License-Identifier: Apache-2.0 */
/* What needs no kernel: IPAM, ports, resolv.conf. */
#include "net.h"

#include "network/dns.h"
#include "network/ipam.h"
#include "network/ports.h"

static void ipam_gives_round_robin_and_never_gateway_or_broadcast(void **state)
{
    (void)state;
    _cleanup_(ipam_freep) struct ipam *i = NULL;
    _cleanup_(err_fini) struct err err = {0};
    assert_ok(ipam_new("10.0.0.9/29", NULL, NULL, &i, &err), &err);
    assert_string_equal(ipam_gateway(i), "10.0.0.9");
    assert_string_equal(ipam_subnet(i), "10.0.0.8/29");
    const char *expect[] = {"10.0.0.10/29", "10.0.0.11/29", "10.0.0.12/29"};
    for (size_t k = 0; k < 3; k++) {
        _cleanup_(freep) char *a = NULL;
        assert_ok(ipam_alloc(i, &a, &err), &err);
        assert_string_equal(a, expect[k]);
    }
    ipam_release(i, "10.0.0.10/29");
    assert_int_equal(ipam_reserve(i, "10.0.0.11", NULL, NULL), -EADDRINUSE);
    assert_int_equal(ipam_reserve(i, "10.0.0.15", NULL, NULL), -EINVAL);
    assert_int_equal(ipam_reserve(i, "10.0.1.2", NULL, NULL), -EINVAL);
    const char *rest[] = {"10.0.0.13/29", "10.0.0.14/29", "10.0.0.10/29"};
    for (size_t k = 0; k < 3; k++) {
        _cleanup_(freep) char *a = NULL;
        assert_ok(ipam_alloc(i, &a, &err), &err);
        assert_string_equal(a, rest[k]);
    }
    char *none = NULL;
    assert_int_equal(ipam_alloc(i, &none, &err), -ENOSPC);
    assert_non_null(strstr(err_msg(&err), "10.0.0.8/29"));
}

static void ipam_takes_ipv6_and_ranges_and_refuses_nonsense(void **state)
{
    (void)state;
    _cleanup_(ipam_freep) struct ipam *six = NULL, *range = NULL;
    struct ipam *none = NULL;
    _cleanup_(freep) char *a = NULL, *b = NULL;
    assert_int_equal(ipam_new("fd00:1::/64", NULL, NULL, &six, NULL), 0);
    assert_int_equal(ipam_alloc(six, &a, NULL), 0);
    assert_string_equal(a, "fd00:1::2/64");
    assert_int_equal(ipam_new("10.1.0.0/16", "10.1.5.0/24", "10.1.0.1", &range, NULL), 0);
    assert_int_equal(ipam_alloc(range, &b, NULL), 0);
    assert_string_equal(b, "10.1.5.0/16");
    assert_int_equal(ipam_new("10.1.0.0", NULL, NULL, &none, NULL), -EINVAL);
    assert_int_equal(ipam_new("10.1.0.0/33", NULL, NULL, &none, NULL), -EINVAL);
    assert_int_equal(ipam_new("10.1.0.0/16", NULL, "10.2.0.1", &none, NULL), -EINVAL);
    assert_int_equal(ipam_new("10.1.0.0/16", "10.2.0.0/24", NULL, &none, NULL), -EINVAL);
}

static bool first_is_taken(void *ctx, const struct cidr *subnet)
{
    struct cidr first;
    (void)ctx;
    cidr_parse("172.30.0.0/24", &first);
    return cidr_overlaps(&first, subnet);
}

static void pool_pick_skips_what_is_taken(void **state)
{
    (void)state;
    struct ipam_pool pool = {"172.30.0.0/15", 24};
    _cleanup_(freep) char *s = NULL;
    assert_int_equal(ipam_pool_pick(&pool, 1, first_is_taken, NULL, &s, NULL), 0);
    assert_string_equal(s, "172.30.1.0/24");
}

static int parse(const char *text, struct port_list *l, struct err *err)
{
    json_auto_t *b = json_loads(text, 0, NULL);
    assert_non_null(b);
    return ports_parse(b, NULL, l, err);
}

static void ports_parse_refuses_in_words(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"80/icmp\":[{}]}",
        "{\"0/tcp\":[{}]}",
        "{\"65536\":[{}]}",
        "{\"x\":[{}]}",
        "{\"80\":7}",
        "{\"80\":[{\"HostPort\":\"90000\"}]}",
        "{\"80\":[{\"HostPort\":\"20-10\"}]}",
        "{\"80\":[{\"HostPort\":\"-5\"}]}",
        "{\"80\":[{\"HostIp\":\"here\"}]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(err_fini) struct err err = {0};
        struct port_list l;
        assert_int_equal(parse(bad[i], &l, &err), -EINVAL);
        assert_non_null(err.msg);
    }
    struct port_list l;
    assert_int_equal(parse("{\"80\":[{\"HostPort\":\"8080\"}],\"81/udp\":null}", &l, NULL), 0);
    assert_int_equal(l.n, 2);
    assert_int_equal(l.v[0].group, l.v[1].group);
    port_list_fini(&l);
}

static void resolv_conf_leaves_loopback_servers_out(void **state)
{
    (void)state;
    struct dns_request plain = {0};
    _cleanup_(freep) char *a = dns_resolv_conf(
        "nameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch a b\noptions ndots:2\n", &plain);
    assert_string_equal(a, "nameserver 10.0.0.1\nsearch a b\noptions ndots:2\n");
    _cleanup_(freep) char *b = dns_resolv_conf("nameserver ::1\n", &plain);
    assert_string_equal(b, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    struct dns_request own = {.servers = (const char *[]){"9.9.9.9", NULL},
                              .search = (const char *[]){".", NULL},
                              .defaults = (const char *[]){"1.1.1.1", NULL}};
    _cleanup_(freep) char *c = dns_resolv_conf("nameserver 10.0.0.1\nsearch a\n", &own);
    assert_string_equal(c, "nameserver 9.9.9.9\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipam_gives_round_robin_and_never_gateway_or_broadcast),
        cmocka_unit_test(ipam_takes_ipv6_and_ranges_and_refuses_nonsense),
        cmocka_unit_test(pool_pick_skips_what_is_taken),
        cmocka_unit_test(ports_parse_refuses_in_words),
        cmocka_unit_test(resolv_conf_leaves_loopback_servers_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
