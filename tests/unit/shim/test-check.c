/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks in a running container. Control groups are the system tests': here there are none. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "harness.h"

static void start_with(struct harness *h, const char *script)
{
    shim_start(h);
    json_decref(ask_ok(h, prepare_msg(plan_sh(h, script))));
    json_decref(ask_ok(h, msg_new("go")));
}

static void start(struct harness *h)
{
    start_with(h, "while :; do sleep 100; done");
}

static void stop(struct harness *h)
{
    json_decref(ask_ok(h, msg_new("kill")));
    assert_int_equal(exit_code(h), 137);
    release(h);
}

static void order(struct harness *h, json_t *msg, const char *id, int timeout_ms)
{
    json_put_str(msg, "type", "check");
    json_put_str(msg, "check", id);
    json_put_int(msg, "timeout_ms", timeout_ms);
    json_put_int(msg, "output_max", 4096);
    assert_int_equal(frame_send(h->control, msg, NULL, 0), 0);
    json_decref(msg);
}

static void order_sh(struct harness *h, const char *id, const char *script, int timeout_ms)
{
    json_auto_t *plan = plan_sh(h, script);
    json_t *msg = json_object();
    json_put(msg, "process", plan_process(plan));
    order(h, msg, id, timeout_ms);
}

static void order_tcp(struct harness *h, const char *id, const char *host, int port,
                      const char *request)
{
    json_t *msg =
        json_pack("{s{s[s]siss?}}", "net", "hosts", host, "port", port, "request", request);
    assert_non_null(msg);
    order(h, msg, id, 10000);
}

static json_t *checked(struct harness *h, const char *id)
{
    json_t *e = await_event(h, "checked");
    assert_string_equal(json_str(e, "check", ""), id);
    return e;
}

static void assert_result(struct harness *h, const char *id, int code, const char *output)
{
    json_auto_t *e = checked(h, id);
    if (json_str(e, "error", NULL))
        fail_msg("%s", json_str(e, "error", NULL));
    assert_string_equal(json_str(e, "output", ""), output);
    assert_int_equal(json_int(e, "code", -99), code);
    assert_false(json_bool(e, "timed_out", true));
}

static void code_and_output_come_back(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "echo out; echo err >&2; exit 5", 10000);
    assert_result(h, "c1", 5, "out\nerr\n");
    order_sh(h, "c2", "exit 0", 10000);
    assert_result(h, "c2", 0, "");
    stop(h);
}

static void it_is_in_no_status(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "sleep 1000", 60000);
    json_auto_t *status = ask_ok(h, msg_new("status"));
    assert_int_equal(json_array_size(json_arr(status, "execs")), 0);
    stop(h);
}

static void output_is_cut_and_made_text(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "seq 1 5000", 10000);
    json_auto_t *e = checked(h, "c1");
    assert_int_equal(strlen(json_str(e, "output", "")), 4096);
    assert_true(json_bool(e, "truncated", false));
    order_sh(h, "c2", "echo -ne 'a\\0\\xffb'", 10000);
    assert_result(h, "c2", 0,
                  "a\xef\xbf\xbd\xef\xbf\xbd"
                  "b");
    stop(h);
}

static void what_cannot_be_run_is_told_in_words(void **state)
{
    struct harness *h = *state;
    start(h);
    json_auto_t *plan = plan_new(h, (const char *const[]){"/nosuch", NULL});
    json_t *msg = json_object();
    json_put(msg, "process", plan_process(plan));
    order(h, msg, "c1", 10000);
    json_auto_t *e = checked(h, "c1");
    assert_int_equal(json_int(e, "code", 0), -1);
    assert_non_null(strstr(json_str(e, "error", ""), "/nosuch"));
    order(h, json_object(), "c2", 10000);
    json_auto_t *none = checked(h, "c2");
    assert_non_null(strstr(json_str(none, "error", ""), "process"));
    stop(h);
}

static void one_that_takes_too_long_is_killed_with_its_children(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "echo begun; sleep 1001 & sleep 1002", 300);
    int64_t from = time_mono_ns();
    json_auto_t *e = checked(h, "c1");
    assert_true(json_bool(e, "timed_out", false));
    assert_string_equal(json_str(e, "output", ""), "begun\n");
    assert_true(time_mono_ns() - from < 2 * NS_PER_SEC);
    order_sh(h, "c2", "grep -l -z -E '^100[12]$' /proc/[0-9]*/cmdline", 10000);
    assert_result(h, "c2", 1, "");
    stop(h);
}

static void one_that_is_told_to_stop_is_not_heard_of(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "sleep 1001", 60000);
    json_t *msg = msg_new("check_stop");
    json_put_str(msg, "check", "c1");
    assert_int_equal(frame_send(h->control, msg, NULL, 0), 0);
    json_decref(msg);
    order_sh(h, "c2", "grep -l -z '^1001$' /proc/[0-9]*/cmdline", 10000);
    assert_result(h, "c2", 1, "");
    stop(h);
}

static void a_new_one_ends_the_one_before(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "sleep 1001", 60000);
    order_sh(h, "c2", "sleep 1002", 60000);
    /* Killed they are; how long the kernel takes to end them is not the monitor's. */
    order_sh(h, "c3",
             "while grep -q -z -E '^100[12]$' /proc/[0-9]*/cmdline; do sleep 0.05; done; exit 1",
             10000);
    assert_result(h, "c3", 1, "");
    stop(h);
}

/* Whoever ordered it has died: it is ended, and the next one finds the way free. */
static void one_whose_orderer_is_gone_ends(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "sleep 1001", 600000);
    json_decref(ask_ok(h, msg_new("status"))); /* it has come by then */
    reattach(h);
    order_sh(h, "c2", "grep -l -z '^1001$' /proc/[0-9]*/cmdline", 10000);
    assert_result(h, "c2", 1, "");
    stop(h);
}

/* The next image does not know what it was for: it ends it, and says so. */
static void one_that_meets_an_upgrade_is_dropped(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "sleep 1001 & sleep 1002", 600000);
    json_decref(ask_ok(h, msg_new("status")));
    _cleanup_(closep) int image = open(SHIM_PATH, O_RDONLY | O_CLOEXEC);
    json_auto_t *reply = ask_fd(h, msg_new("upgrade"), image);
    assert_int_equal(json_int(reply, "error", -1), 0);
    json_auto_t *e = checked(h, "c1");
    assert_true(json_bool(e, "dropped", false));
    json_t *again = json_pack("{sb}", "again", 1);
    order(h, again, "c2", 10000);
    json_auto_t *unknown = checked(h, "c2");
    assert_true(json_bool(unknown, "dropped", false));
    /* Killed they are; how long the kernel takes to end them is not the monitor's. */
    order_sh(h, "c3",
             "while grep -q -z -E '^100[12]$' /proc/[0-9]*/cmdline; do sleep 0.05; done; exit 1",
             10000);
    assert_result(h, "c3", 1, "");
    order(h, json_pack("{sb}", "again", 1), "c4", 10000);
    assert_result(h, "c4", 1, "");
    stop(h);
}

static void one_that_dies_with_the_container_is_not_told(void **state)
{
    struct harness *h = *state;
    start(h);
    order_sh(h, "c1", "sleep 1001", 60000);
    json_decref(ask_ok(h, msg_new("status")));
    stop(h);
    for (size_t i = 0; i < json_array_size(h->events); i++)
        assert_string_not_equal(json_str(json_array_get(h->events, i), "type", ""), "checked");
}

#define LO   "ip link set lo up; "
#define HTTP "GET / HTTP/1.1\r\n\r\n"

/* A server that says one thing to each that comes, and the containers's end. */
static void serve(struct harness *h, const char *words)
{
    static const char *const more[] = {"ip", "nc", "httpd"};
    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        _cleanup_(freep) char *link = str_printf("%s/root/bin/%s", h->dir, more[i]);
        (void)!symlink("busybox", link);
    }
    _cleanup_(freep) char *script =
        str_printf(LO "while :; do printf '%s' | nc -l -p 8080 >/dev/null; done", words);
    json_auto_t *caps = NULL;
    shim_start(h);
    json_t *plan = plan_sh(h, script);
    caps = json_deep_copy(json_obj(plan_process(plan), "capabilities"));
    const char *key;
    json_t *mask;
    json_object_foreach (json_obj(plan_process(plan), "capabilities"), key, mask)
        json_integer_set(mask, json_integer_value(mask) | 1 << 12); /* CAP_NET_ADMIN */
    json_decref(ask_ok(h, prepare_msg(plan)));
    json_decref(ask_ok(h, msg_new("go")));
}

/* The server takes a moment to come, and between two clients, too: whoever comes then is refused or hears nothing. */
static void assert_answer(struct harness *h, const char *request, int code, const char *output)
{
    for (int i = 0;; i++) {
        char id[16];
        snprintf(id, sizeof(id), "n%d", i);
        order_tcp(h, id, "127.0.0.1", 8080, request);
        json_auto_t *e = checked(h, id);
        if (i < 500 && !str_eq(json_str(e, "output", ""), output)) {
            usleep(10000);
            continue;
        }
        assert_string_equal(json_str(e, "output", ""), output);
        assert_int_equal(json_int(e, "code", -99), code);
        return;
    }
}

static void a_connection_is_made_inside(void **state)
{
    struct harness *h = *state;
    serve(h, "HTTP/1.0 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nyesmore");
    assert_answer(h, NULL, 0, "connected to 127.0.0.1:8080");
    assert_answer(h, HTTP, 0, "HTTP/1.0 200 OK\nyes");
    order_tcp(h, "c", "127.0.0.1", 8081, NULL);
    assert_result(h, "c", 1, "connecting to 127.0.0.1:8081: Connection refused");
    stop(h);
}

static void an_answer_of_failure_is_one(void **state)
{
    struct harness *h = *state;
    serve(h, "HTTP/1.1 503 Busy\\r\\n\\r\\nlater");
    assert_answer(h, HTTP, 1, "HTTP/1.1 503 Busy\nlater");
    stop(h);
}

static void what_is_no_http_is_a_failure(void **state)
{
    struct harness *h = *state;
    serve(h, "220 mail\\r\\n");
    assert_answer(h, HTTP, 1, "127.0.0.1:8080 did not answer in HTTP");
    stop(h);
}

static void a_wrong_order_is_refused(void **state)
{
    struct harness *h = *state;
    start(h);
    order_tcp(h, "c1", "example.com", 80, NULL);
    json_auto_t *e = checked(h, "c1");
    assert_non_null(strstr(json_str(e, "error", ""), "an address is expected"));
    order_tcp(h, "c2", "127.0.0.1", 0, NULL);
    json_auto_t *port = checked(h, "c2");
    assert_non_null(strstr(json_str(port, "error", ""), "port"));
    order_sh(h, "c3", "true", 0);
    json_auto_t *time = checked(h, "c3");
    assert_non_null(strstr(json_str(time, "error", ""), "timeout_ms"));
    stop(h);
}

#define HARNESS_TEST(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(code_and_output_come_back),
        HARNESS_TEST(it_is_in_no_status),
        HARNESS_TEST(output_is_cut_and_made_text),
        HARNESS_TEST(what_cannot_be_run_is_told_in_words),
        HARNESS_TEST(one_that_takes_too_long_is_killed_with_its_children),
        HARNESS_TEST(one_that_is_told_to_stop_is_not_heard_of),
        HARNESS_TEST(a_new_one_ends_the_one_before),
        HARNESS_TEST(one_whose_orderer_is_gone_ends),
        HARNESS_TEST(one_that_meets_an_upgrade_is_dropped),
        HARNESS_TEST(one_that_dies_with_the_container_is_not_told),
        HARNESS_TEST(a_connection_is_made_inside),
        HARNESS_TEST(an_answer_of_failure_is_one),
        HARNESS_TEST(what_is_no_http_is_a_failure),
        HARNESS_TEST(a_wrong_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
