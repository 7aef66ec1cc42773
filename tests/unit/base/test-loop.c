/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/cleanup.h"
#include "base/loop.h"
#include "base/str.h"

#include <sys/epoll.h>

struct world {
    struct loop *loop;
    struct loop_io *io[2];
    struct buf order;
    int fired;
};

static void note_a(void *arg)
{
    buf_addc(&((struct world *)arg)->order, 'a');
}

static void note_b_and_quit(void *arg)
{
    struct world *w = arg;
    buf_addc(&w->order, 'b');
    loop_quit(w->loop, 7);
}

static void timers_fire_in_order_of_time(void **state)
{
    struct world w = {.loop = loop_new()};
    loop_timer_add(w.loop, 20, note_b_and_quit, &w);
    loop_timer_add(w.loop, 1, note_a, &w);
    struct loop_timer *never = loop_timer_add(w.loop, 5, note_a, &w);
    loop_timer_del(never);
    assert_int_equal(loop_run(w.loop), 7);
    assert_string_equal(w.order.s, "ab");
    buf_fini(&w.order);
    loop_free(w.loop);
}

static void first_one_removes_both(void *arg, uint32_t events)
{
    struct world *w = arg;
    w->fired++;
    loop_io_del(w->io[0]);
    loop_io_del(w->io[1]);
    loop_quit(w->loop, 0);
}

static void a_source_removed_in_a_callback_is_not_called_again(void **state)
{
    struct world w = {.loop = loop_new()};
    int p[2], q[2];
    assert_int_equal(pipe(p) | pipe(q), 0);
    assert_int_equal(write(p[1], "x", 1) + write(q[1], "x", 1), 2);
    w.io[0] = loop_io_add(w.loop, p[0], EPOLLIN, first_one_removes_both, &w);
    w.io[1] = loop_io_add(w.loop, q[0], EPOLLIN, first_one_removes_both, &w);
    assert_int_equal(loop_run(w.loop), 0);
    assert_int_equal(w.fired, 1);
    loop_free(w.loop);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_of_time),
        cmocka_unit_test(a_source_removed_in_a_callback_is_not_called_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
