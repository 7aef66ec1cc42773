/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/filters.h"

#include <errno.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "unit.h"

static json_t *parse(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);
    assert_non_null(v);
    return v;
}

static void filters_check_names_an_unknown_key(void **state)
{
    static const char *const allowed[] = {"name", NULL};
    json_auto_t *f = parse("{\"nam\":[\"x\"]}");
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(filters_check(NULL, allowed, &err), 0);
    assert_int_equal(filters_check(f, allowed, &err), -EINVAL);
    assert_string_equal(err_msg(&err), "invalid filter 'nam'");
}

static void filters_check_refuses_values_that_are_no_strings(void **state)
{
    static const char *const allowed[] = {"name", NULL};
    json_auto_t *a = parse("{\"name\":[1]}"), *b = parse("{\"name\":true}");
    assert_int_equal(filters_check(a, allowed, NULL), -EINVAL);
    assert_int_equal(filters_check(b, allowed, NULL), -EINVAL);
}

static void absent_keys_match_everything(void **state)
{
    json_auto_t *f = parse("{\"id\":[]}");
    assert_true(filters_match_exact(NULL, "name", "x"));
    assert_true(filters_match_exact(f, "name", NULL));
    assert_true(filters_match_exact(f, "id", "x"));
}

static void values_of_a_key_are_alternatives(void **state)
{
    json_auto_t *f = parse("{\"status\":[\"running\",\"exited\"]}");
    assert_true(filters_match_exact(f, "status", "exited"));
    assert_false(filters_match_exact(f, "status", "created"));
    assert_false(filters_match_exact(f, "status", NULL));
    assert_true(filters_match_prefix(f, "status", "exited-1"));
}

static void regular_expressions_search_and_bad_ones_are_text(void **state)
{
    json_auto_t *f = parse("{\"name\":[\"^web\"]}"), *bad = parse("{\"name\":[\"a(b\"]}");
    assert_true(filters_match_regex(f, "name", "web1"));
    assert_false(filters_match_regex(f, "name", "myweb"));
    assert_true(filters_match_regex(bad, "name", "xa(bx"));
}

static void every_label_must_hold(void **state)
{
    json_auto_t *labels = parse("{\"a\":\"1\",\"b\":\"x=y\"}");
    json_auto_t *both = parse("{\"label\":[\"a\",\"b=x=y\"]}");
    json_auto_t *one = parse("{\"label\":[\"a=1\",\"c\"]}");
    assert_true(filters_match_labels(both, "label", labels));
    assert_false(filters_match_labels(one, "label", labels));
    assert_false(filters_match_labels(one, "label", NULL));
}

static void booleans_are_parsed(void **state)
{
    json_auto_t *yes = parse("{\"dangling\":[\"true\"]}"), *bad = parse("{\"dangling\":[\"si\"]}");
    bool out = false;
    assert_int_equal(filters_bool(yes, "dangling", &out, NULL), 0);
    assert_true(out);
    assert_int_equal(filters_bool(bad, "dangling", &out, NULL), -EINVAL);
}

static void one_port_that_is_published_or_exposed_is_enough(void **state)
{
    json_auto_t *ports = parse("[{\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"},"
                               "{\"PrivatePort\":53,\"Type\":\"udp\"}]");
    json_auto_t *public = parse("{\"publish\":[\"8000-8090\"]}");
    json_auto_t *private = parse("{\"publish\":[\"80\"]}");
    json_auto_t *exposed = parse("{\"publish\":[\"80\"],\"expose\":[\"53/udp\"]}");
    json_auto_t *other = parse("{\"expose\":[\"53\"]}");
    json_auto_t *bad = parse("{\"expose\":[\"53/icmp\"]}");
    assert_true(filters_match_ports(NULL, ports));
    assert_true(filters_match_ports(public, ports));
    assert_false(filters_match_ports(private, ports));
    assert_true(filters_match_ports(exposed, ports));
    assert_false(filters_match_ports(other, ports));
    assert_int_equal(filters_check_ports(exposed, NULL), 0);
    assert_int_equal(filters_check_ports(bad, NULL), -EINVAL);
}

static void words_of_a_closed_set_are_named(void **state)
{
    static const char *const words[] = {"one", "two", NULL};
    json_auto_t *good = parse("{\"k\":[\"one\",\"two\"]}"),
                *bad = parse("{\"k\":[\"one\",\"six\"]}");
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(filters_check_words(NULL, "k", words, NULL), 0);
    assert_int_equal(filters_check_words(good, "k", words, NULL), 0);
    assert_int_equal(filters_check_words(bad, "k", words, &err), -EINVAL);
    assert_string_equal(err_msg(&err), "invalid filter 'k=six': one of one, two would be right");
}

static void until_is_a_span_or_a_time(void **state)
{
    json_auto_t *span = parse("{\"until\":[\"1h\"]}"),
                *at = parse("{\"until\":[\"1700000000.5\"]}");
    json_auto_t *date = parse("{\"until\":[\"2026-01-02T03:04:05Z\"]}");
    json_auto_t *bad = parse("{\"until\":[\"soon\"]}"), *two = parse("{\"until\":[\"1h\",\"2h\"]}");
    int64_t ns, now = time_now_ns();
    assert_int_equal(filters_until(NULL, &ns, NULL), 0);
    assert_true(ns == INT64_MAX);
    assert_int_equal(filters_until(span, &ns, NULL), 0);
    assert_in_range((now - ns) / NS_PER_SEC, 3590, 3610);
    assert_int_equal(filters_until(at, &ns, NULL), 0);
    assert_true(ns == 1700000000500000000);
    assert_int_equal(filters_until(date, &ns, NULL), 0);
    assert_true(ns == 1767323045000000000);
    assert_int_equal(filters_until(bad, &ns, NULL), -EINVAL);
    assert_int_equal(filters_until(two, &ns, NULL), -EINVAL);
}

static void a_prune_takes_what_has_these_labels_and_not_those(void **state)
{
    json_auto_t *labels = parse("{\"a\":\"1\",\"b\":\"2\"}");
    json_auto_t *with = parse("{\"label\":[\"a=1\"]}"), *without = parse("{\"label!\":[\"a\"]}");
    json_auto_t *both = parse("{\"label\":[\"a\"],\"label!\":[\"b=3\"]}");
    assert_true(filters_match_prune(NULL, labels));
    assert_true(filters_match_prune(NULL, NULL));
    assert_true(filters_match_prune(with, labels));
    assert_false(filters_match_prune(with, NULL));
    assert_false(filters_match_prune(without, labels));
    assert_true(filters_match_prune(without, NULL));
    assert_true(filters_match_prune(both, labels));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_check_names_an_unknown_key),
        cmocka_unit_test(filters_check_refuses_values_that_are_no_strings),
        cmocka_unit_test(absent_keys_match_everything),
        cmocka_unit_test(values_of_a_key_are_alternatives),
        cmocka_unit_test(regular_expressions_search_and_bad_ones_are_text),
        cmocka_unit_test(every_label_must_hold),
        cmocka_unit_test(one_port_that_is_published_or_exposed_is_enough),
        cmocka_unit_test(booleans_are_parsed),
        cmocka_unit_test(words_of_a_closed_set_are_named),
        cmocka_unit_test(until_is_a_span_or_a_time),
        cmocka_unit_test(a_prune_takes_what_has_these_labels_and_not_those),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
