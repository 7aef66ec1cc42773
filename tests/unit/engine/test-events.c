/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/events.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/engine.h"
#include "unit.h"

static struct event_sub *sub(struct event_ring *r, const char *filters, int64_t since,
                             int64_t until)
{
    json_auto_t *f = filters ? json_loads(filters, 0, NULL) : NULL;
    struct event_sub *s = NULL;
    assert_int_equal(event_sub_open(r, f, since, until, &s, NULL), 0);
    return s;
}

static bool readable(struct event_sub *s, int ms)
{
    struct pollfd p = {.fd = engine_events_fd(s), .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

static void expect(struct event_sub *s, const char *action)
{
    json_auto_t *e = NULL;
    assert_int_equal(engine_events_next(s, &e), 1);
    assert_string_equal(json_str(e, "Action", ""), action);
}

static void nothing(struct event_sub *s)
{
    json_t *e = NULL;
    assert_int_equal(engine_events_next(s, &e), 0);
}

static void an_event_has_dockers_members(void **state)
{
    struct event_ring *r = event_ring_new();
    struct event_sub *s = sub(r, NULL, 0, 0);
    json_auto_t *e = NULL;
    nothing(s);
    assert_false(readable(s, 0));
    event_publish(r, "container", "start", "c1", json_pack("{s:s,s:s}", "image", "i", "name", "n"));
    assert_true(readable(s, 0));
    assert_int_equal(engine_events_next(s, &e), 1);
    assert_string_equal(json_str(e, "status", ""), "start");
    assert_string_equal(json_str(e, "id", ""), "c1");
    assert_string_equal(json_str(e, "from", ""), "i");
    assert_string_equal(json_str(e, "Type", ""), "container");
    assert_string_equal(json_str(json_obj(e, "Actor"), "ID", ""), "c1");
    assert_string_equal(json_str(e, "scope", ""), "local");
    assert_int_equal(json_int(e, "time", 0), json_int(e, "timeNano", 0) / NS_PER_SEC);
    nothing(s);
    assert_false(readable(s, 0));
    engine_events_close(s);
    event_ring_end(r);
}

static void history_comes_with_since_only(void **state)
{
    struct event_ring *r = event_ring_new();
    event_publish(r, "volume", "create", "v", NULL);
    struct event_sub *now = sub(r, NULL, 0, 0), *old = sub(r, NULL, 1, 0);
    nothing(now);
    assert_true(readable(old, 0));
    expect(old, "create");
    engine_events_close(now);
    engine_events_close(old);
    event_ring_end(r);
}

static void filters_narrow(void **state)
{
    struct event_ring *r = event_ring_new();
    struct event_sub *s =
        sub(r, "{\"type\":[\"container\"],\"event\":[\"exec_start\",\"die\"]}", 0, 0);
    struct event_sub *named = sub(r, "{\"container\":[\"web\"]}", 0, 0);
    struct event_sub *image = sub(r, "{\"image\":[\"bb\"]}", 0, 0);
    event_publish(r, "network", "connect", "n", NULL);
    event_publish(r, "container", "start", "c1", json_pack("{s:s}", "name", "db"));
    event_publish(r, "container", "exec_start: sh -c x", "c2", json_pack("{s:s}", "name", "web"));
    event_publish(r, "container", "die", "c3",
                  json_pack("{s:s,s:s}", "image", "bb:1", "name", "z"));
    expect(s, "exec_start: sh -c x");
    expect(s, "die");
    nothing(s);
    expect(named, "exec_start: sh -c x");
    nothing(named);
    expect(image, "die");
    nothing(image);
    engine_events_close(s);
    engine_events_close(named);
    engine_events_close(image);
    event_ring_end(r);
}

static void an_unknown_filter_is_refused(void **state)
{
    struct event_ring *r = event_ring_new();
    struct event_sub *s = NULL;
    json_auto_t *f = json_loads("{\"colour\":[\"red\"]}", 0, NULL);
    assert_int_equal(event_sub_open(r, f, 0, 0, &s, NULL), -EINVAL);
    event_ring_end(r);
}

static void a_reader_that_falls_behind_is_told_and_goes_on(void **state)
{
    struct event_ring *r = event_ring_new();
    struct event_sub *s = sub(r, NULL, 0, 0);
    json_t *e = NULL;
    for (int i = 0; i < 5000; i++)
        event_publish(r, "volume", "create", "v", NULL);
    assert_int_equal(engine_events_next(s, &e), -EOVERFLOW);
    expect(s, "create");
    engine_events_close(s);
    event_ring_end(r);
}

static void until_ends_the_stream(void **state)
{
    struct event_ring *r = event_ring_new();
    struct event_sub *s = sub(r, NULL, 0, time_now_ns() + 20 * NS_PER_MS);
    json_t *e = NULL;
    event_publish(r, "volume", "create", "v", NULL);
    expect(s, "create");
    nothing(s);
    assert_true(readable(s, 2000));
    assert_int_equal(engine_events_next(s, &e), -EPIPE);
    engine_events_close(s);
    event_ring_end(r);
}

static void the_end_of_the_ring_ends_its_readers(void **state)
{
    struct event_ring *r = event_ring_new();
    struct event_sub *s = sub(r, NULL, 0, 0);
    json_t *e = NULL;
    event_publish(r, "volume", "create", "v", NULL);
    event_ring_end(r);
    assert_true(readable(s, 0));
    expect(s, "create");
    assert_int_equal(engine_events_next(s, &e), -EPIPE);
    engine_events_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_dockers_members),
        cmocka_unit_test(history_comes_with_since_only),
        cmocka_unit_test(filters_narrow),
        cmocka_unit_test(an_unknown_filter_is_refused),
        cmocka_unit_test(a_reader_that_falls_behind_is_told_and_goes_on),
        cmocka_unit_test(until_ends_the_stream),
        cmocka_unit_test(the_end_of_the_ring_ends_its_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
