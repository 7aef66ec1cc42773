/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/relay.h"
#include "base/fs.h"

/* A relay on a thread between two socket pairs; the test holds the outer ends. */
struct rig {
    int client[2], engine[2], stop;
    struct relay relay;
    enum relay_end end;
    pthread_t thread;
};

static void *rig_run(void *arg)
{
    struct rig *g = arg;
    g->end = relay_run(&g->relay);
    close(g->client[1]);
    close(g->engine[1]);
    return NULL;
}

static void rig_start(struct rig *g, bool detach, const char *early)
{
    *g = (struct rig){0};
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, g->client);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, g->engine);
    g->stop = eventfd(0, EFD_CLOEXEC);
    g->relay = (struct relay){.client = g->client[1],
                              .engine = g->engine[1],
                              .stop = g->stop,
                              .early = early,
                              .early_n = early ? strlen(early) : 0};
    if (detach)
        detach_parse(&g->relay.detach, NULL, NULL);
    pthread_create(&g->thread, NULL, rig_run, g);
}

static enum relay_end rig_join(struct rig *g)
{
    pthread_join(g->thread, NULL);
    close(g->client[0]);
    close(g->engine[0]);
    close(g->stop);
    return g->end;
}

/* The client closes, and the relay has ended. */
static enum relay_end rig_end(struct rig *g)
{
    shutdown(g->client[0], SHUT_RDWR);
    return rig_join(g);
}

static void expect_bytes(int fd, const char *want)
{
    char got[64] = "";
    assert_int_equal(recv(fd, got, strlen(want), MSG_WAITALL), strlen(want));
    assert_string_equal(got, want);
}

static void expect_eof(int fd)
{
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), 0);
}

static void relay_passes_a_half_close_and_later_output(void **state)
{
    struct rig g;
    rig_start(&g, false, "early ");
    assert_int_equal(send(g.client[0], "in", 2, 0), 2);
    shutdown(g.client[0], SHUT_WR);
    expect_bytes(g.engine[0], "early in");
    expect_eof(g.engine[0]);
    assert_int_equal(send(g.engine[0], "out", 3, 0), 3);
    expect_bytes(g.client[0], "out");
    shutdown(g.engine[0], SHUT_RDWR);
    expect_eof(g.client[0]);
    assert_int_equal(rig_end(&g), RELAY_DONE);
}

static void relay_ends_when_the_container_does(void **state)
{
    struct rig g;
    rig_start(&g, false, NULL);
    assert_int_equal(send(g.engine[0], "last", 4, 0), 4);
    shutdown(g.engine[0], SHUT_RDWR);
    expect_bytes(g.client[0], "last");
    expect_eof(g.client[0]);
    assert_int_equal(rig_end(&g), RELAY_DONE);
}

static void relay_keeps_stdin_open_while_only_output_ended(void **state)
{
    struct rig g;
    rig_start(&g, false, NULL);
    shutdown(g.engine[0], SHUT_WR);
    expect_eof(g.client[0]);
    assert_int_equal(send(g.client[0], "more", 4, 0), 4);
    expect_bytes(g.engine[0], "more");
    shutdown(g.client[0], SHUT_WR);
    expect_eof(g.engine[0]);
    assert_int_equal(rig_end(&g), RELAY_DONE);
}

static void relay_delivers_what_a_gone_client_had_sent(void **state)
{
    struct rig g;
    rig_start(&g, false, NULL);
    assert_int_equal(send(g.client[0], "bye", 3, 0), 3);
    shutdown(g.client[0], SHUT_RDWR);
    expect_bytes(g.engine[0], "bye");
    expect_eof(g.engine[0]);
    assert_int_equal(rig_end(&g), RELAY_GONE);
}

static void relay_detaches_on_the_keys(void **state)
{
    struct rig g;
    rig_start(&g, true, NULL);
    assert_int_equal(send(g.client[0], "ls\x10", 3, 0), 3);
    expect_bytes(g.engine[0], "ls");
    assert_int_equal(send(g.client[0], "\x11", 1, 0), 1);
    expect_eof(g.client[0]);
    assert_int_equal(rig_end(&g), RELAY_DETACHED);
}

static void relay_detaches_on_keys_that_came_early(void **state)
{
    struct rig g;
    rig_start(&g, true, "\x10\x11");
    expect_eof(g.client[0]);
    assert_int_equal(rig_end(&g), RELAY_DETACHED);
}

static void relay_stops_with_the_server(void **state)
{
    struct rig g;
    rig_start(&g, false, NULL);
    eventfd_write(g.stop, 1);
    assert_int_equal(rig_join(&g), RELAY_STOPPED);
}

struct flood {
    int fd;
    size_t total;
};

static void *flood_send(void *arg)
{
    struct flood *f = arg;
    static char data[1 << 16];
    for (size_t i = 0; i < 256; i++)
        if (fs_write_all(f->fd, data, sizeof(data)) < 0)
            break;
    shutdown(f->fd, SHUT_WR);
    return NULL;
}

static void *flood_receive(void *arg)
{
    struct flood *f = arg;
    char data[1 << 16];
    ssize_t n;
    while ((n = recv(f->fd, data, sizeof(data), 0)) > 0)
        f->total += (size_t)n;
    return NULL;
}

/* The client writes everything before it reads, and so does the container: neither may wait for the
 * other. */
static void relay_moves_both_directions_at_once(void **state)
{
    struct rig g;
    pthread_t t[4];
    rig_start(&g, false, NULL);
    struct flood in = {g.client[0]}, out = {g.engine[0]}, in_got = {g.engine[0]},
                 out_got = {g.client[0]};
    pthread_create(&t[0], NULL, flood_send, &in);
    pthread_create(&t[1], NULL, flood_send, &out);
    pthread_create(&t[2], NULL, flood_receive, &in_got);
    pthread_create(&t[3], NULL, flood_receive, &out_got);
    for (size_t i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    assert_int_equal(rig_end(&g), RELAY_DONE);
    assert_int_equal(in_got.total, 256 << 16);
    assert_int_equal(out_got.total, 256 << 16);
}

/* A container that does not read its input still gets its output to the client. */
static void relay_passes_output_while_input_is_stuck(void **state)
{
    struct rig g;
    pthread_t t;
    rig_start(&g, false, NULL);
    struct flood in = {g.client[0]};
    pthread_create(&t, NULL, flood_send, &in);
    assert_int_equal(send(g.engine[0], "out", 3, 0), 3);
    expect_bytes(g.client[0], "out");
    shutdown(g.engine[0], SHUT_RDWR);
    expect_eof(g.client[0]);
    pthread_join(t, NULL);
    assert_int_equal(rig_end(&g), RELAY_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relay_passes_a_half_close_and_later_output),
        cmocka_unit_test(relay_ends_when_the_container_does),
        cmocka_unit_test(relay_keeps_stdin_open_while_only_output_ended),
        cmocka_unit_test(relay_delivers_what_a_gone_client_had_sent),
        cmocka_unit_test(relay_detaches_on_the_keys),
        cmocka_unit_test(relay_detaches_on_keys_that_came_early),
        cmocka_unit_test(relay_stops_with_the_server),
        cmocka_unit_test(relay_moves_both_directions_at_once),
        cmocka_unit_test(relay_passes_output_while_input_is_stuck),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
