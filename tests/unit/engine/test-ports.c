/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/ports.h"

#include <errno.h>

#include "base/json.h"
#include "base/str.h"
#include "unit.h"

static void port_parse_knows_numbers_and_protocols(void **state)
{
    uint16_t port;
    const char *proto;
    assert_int_equal(port_parse("80", &port, &proto, NULL), 0);
    assert_int_equal(port, 80);
    assert_string_equal(proto, "tcp");
    assert_int_equal(port_parse("53/UDP", &port, &proto, NULL), 0);
    assert_string_equal(proto, "udp");
    static const char *const bad[] = {"", "0", "65536", "80/", "80/icmp", "x/tcp", "80-90/tcp"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(port_parse(bad[i], &port, &proto, NULL), -EINVAL);
}

static void port_range_parse_takes_one_port_and_ranges(void **state)
{
    struct port_range range;
    assert_int_equal(port_range_parse("8000-8010/udp", &range, NULL), 0);
    assert_int_equal(range.first, 8000);
    assert_int_equal(range.last, 8010);
    assert_string_equal(range.proto, "udp");
    assert_int_equal(port_range_parse("80", &range, NULL), 0);
    assert_int_equal(range.last, 80);
    static const char *const bad[] = {"90-80", "-80", "80-", "0-1", "80/tcp-90", "80-65536/tcp"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(port_range_parse(bad[i], &range, NULL), -EINVAL);
}

static char *wanted(const char *config, const char *host)
{
    json_auto_t *c = json_loads(config, 0, NULL), *h = json_loads(host, 0, NULL);
    json_auto_t *w = port_bindings_wanted(c, h);
    return json_text(w);
}

static void a_key_without_bindings_means_any_port(void **state)
{
    _cleanup_(freep) char *text = wanted("{}", "{\"PortBindings\":{\"80\":null}}");
    assert_string_equal(text, "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}");
}

static void publish_all_adds_the_exposed_ones(void **state)
{
    const char *config = "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{}}}";
    _cleanup_(freep) char *none = wanted(config, "{}");
    _cleanup_(freep) char *all = wanted(
        config, "{\"PublishAllPorts\":true,\"PortBindings\":{\"80/tcp\":[{\"HostPort\":\"8\"}]}}");
    assert_string_equal(none, "{}");
    assert_string_equal(all, "{\"80/tcp\":[{\"HostPort\":\"8\"}],"
                             "\"53/udp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(port_parse_knows_numbers_and_protocols),
        cmocka_unit_test(port_range_parse_takes_one_port_and_ranges),
        cmocka_unit_test(a_key_without_bindings_means_any_port),
        cmocka_unit_test(publish_all_adds_the_exposed_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
