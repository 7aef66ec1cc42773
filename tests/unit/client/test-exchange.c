/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a daemon that is a socket pair's other end. */
#include "client/exchange.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

struct fixture {
    struct exchange x;
    int daemon;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    exchange_init(&f->x, pair[0]);
    f->daemon = pair[1];
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    exchange_fini(&f->x);
    close_fd(f->daemon);
    free(f);
    return 0;
}

static void answer(struct fixture *f, const char *text)
{
    assert_int_equal(write(f->daemon, text, strlen(text)), strlen(text));
}

/* A byte a read, as the worst of networks has it. */
static int drip(struct fixture *f, const char *text)
{
    int r = 0;
    for (; r == 0 && *text; text++) {
        assert_int_equal(write(f->daemon, text, 1), 1);
        r = exchange_read(&f->x);
    }
    return r;
}

static void body_of_a_known_length_ends_the_answer(void **state)
{
    struct fixture *f = *state;
    answer(f, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(exchange_read_all(&f->x), 0);
    assert_int_equal(f->x.status, 404);
    assert_string_equal(f->x.body.s, "hello");
    assert_true(f->x.keep_alive);
}

static void chunks_that_come_in_bytes_are_one_body(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(drip(f, "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.docker."
                             "multiplexed-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
                     0);
    assert_true(f->x.complete);
    assert_true(f->x.multiplexed);
    assert_string_equal(f->x.body.s, "abcde");
}

static void answer_without_a_length_ends_with_the_connection(void **state)
{
    struct fixture *f = *state;
    answer(f, "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{}");
    shutdown(f->daemon, SHUT_WR);
    assert_int_equal(exchange_read_all(&f->x), 0);
    assert_string_equal(f->x.body.s, "{}");
    assert_false(f->x.keep_alive);
    assert_false(f->x.multiplexed);
}

static void upgrade_keeps_what_came_behind_the_headers(void **state)
{
    struct fixture *f = *state;
    f->x.upgrade = true;
    answer(f, "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n\x01raw");
    assert_int_equal(exchange_read_all(&f->x), 0);
    assert_int_equal(f->x.body.len, 4);
    assert_memory_equal(f->x.body.s, "\x01raw", 4);
}

static void raw_stream_under_200_is_no_body(void **state)
{
    struct fixture *f = *state;
    f->x.upgrade = true;
    assert_int_equal(drip(f, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream"
                             "\r\n\r\n"),
                     0);
    assert_true(f->x.complete);
    assert_int_equal(f->x.body.len, 0);
}

static void refused_upgrade_has_its_words(void **state)
{
    struct fixture *f = *state;
    f->x.upgrade = true;
    answer(f, "HTTP/1.1 409 Conflict\r\nContent-Length: 4\r\n\r\nbusy");
    assert_int_equal(exchange_read_all(&f->x), 0);
    assert_int_equal(f->x.status, 409);
    assert_string_equal(f->x.body.s, "busy");
}

static void continue_is_not_the_answer(void **state)
{
    struct fixture *f = *state;
    answer(f, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(exchange_read_all(&f->x), 0);
    assert_int_equal(f->x.status, 204);
}

static void cut_answer_is_an_error(void **state)
{
    struct fixture *f = *state;
    answer(f, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhal");
    shutdown(f->daemon, SHUT_WR);
    assert_int_equal(exchange_read_all(&f->x), -ECONNRESET);
}

static void connection_closed_at_once_is_an_error(void **state)
{
    struct fixture *f = *state;
    shutdown(f->daemon, SHUT_WR);
    assert_int_equal(exchange_read_headers(&f->x), -ECONNRESET);
}

static void other_protocols_are_an_error(void **state)
{
    struct fixture *f = *state;
    answer(f, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
    assert_int_equal(exchange_read_all(&f->x), -EPROTO);
}

static void headers_have_a_bound(void **state)
{
    struct fixture *f = *state;
    char line[4096];
    int r = 0;
    memset(line, 'x', sizeof(line));
    answer(f, "HTTP/1.1 200 OK\r\nX: ");
    for (int i = 0; i < 100 && r == 0; i++) {
        assert_int_equal(write(f->daemon, line, sizeof(line)), sizeof(line));
        r = exchange_read(&f->x);
    }
    assert_int_equal(r, -EPROTO);
}

static int stop_at_once(void *ctx, const char *data, size_t n)
{
    *(size_t *)ctx += n;
    return 1;
}

static void reader_ends_a_stream(void **state)
{
    struct fixture *f = *state;
    size_t got = 0;
    f->x.each = stop_at_once;
    f->x.ctx = &got;
    answer(f, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    assert_int_equal(exchange_read_all(&f->x), 0);
    assert_true(f->x.stopped);
    assert_int_equal(got, 3);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(body_of_a_known_length_ends_the_answer),
        TEST(chunks_that_come_in_bytes_are_one_body),
        TEST(answer_without_a_length_ends_with_the_connection),
        TEST(upgrade_keeps_what_came_behind_the_headers),
        TEST(raw_stream_under_200_is_no_body),
        TEST(refused_upgrade_has_its_words),
        TEST(continue_is_not_the_answer),
        TEST(cut_answer_is_an_error),
        TEST(connection_closed_at_once_is_an_error),
        TEST(other_protocols_are_an_error),
        TEST(headers_have_a_bound),
        TEST(reader_ends_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
