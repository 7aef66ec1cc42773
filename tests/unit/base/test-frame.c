/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include "base/frame.h"
#include "base/fs.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

static void pair(int s[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
}

static void frames_arrive_whole_with_their_descriptors(void **state)
{
    int s[2];
    pair(s);
    json_auto_t *m = json_pack("{si ss}", "seq", 1, "text", "hello");
    assert_int_equal(frame_send(s[0], m, &s[0], 1), 0);
    assert_int_equal(frame_send(s[0], m, NULL, 0), 0);
    struct frame_reader r = {0};
    json_t *got = NULL;
    assert_int_equal(frame_recv(&r, s[1], 1000, &got), 0);
    assert_true(json_equal(m, got));
    json_decref(got);
    int fd = -1;
    assert_int_equal(frame_take_fds(&r, &fd, 1), 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    assert_int_equal(frame_recv(&r, s[1], 1000, &got), 0);
    json_decref(got);
    assert_int_equal(frame_recv(&r, s[1], 10, &got), -ETIMEDOUT);
    close(s[0]);
    assert_int_equal(frame_recv(&r, s[1], 1000, &got), -ECONNRESET);
    close(s[1]);
    frame_reader_fini(&r);
}

static void a_length_beyond_the_bound_is_refused(void **state)
{
    int s[2];
    pair(s);
    assert_int_equal(write(s[0], "\xff\xff\xff\xff", 4), 4);
    struct frame_reader r = {0};
    json_t *got = NULL;
    assert_int_equal(frame_recv(&r, s[1], 1000, &got), -EBADMSG);
    assert_int_equal(write(s[0], "[]", 2), 2);
    frame_reader_fini(&r);
    close(s[0]);
    close(s[1]);
}

static void what_is_not_an_object_is_refused(void **state)
{
    int s[2];
    pair(s);
    assert_int_equal(write(s[0], "\x02\0\0\0[]", 6), 6);
    struct frame_reader r = {0};
    json_t *got = NULL;
    assert_int_equal(frame_recv(&r, s[1], 1000, &got), -EBADMSG);
    assert_null(got);
    frame_reader_fini(&r);
    close(s[0]);
    close(s[1]);
}

static void sockets_are_reached_below_any_directory(void **state)
{
    char dir[] = "/tmp/berth-test-frame-XXXXXX";
    assert_non_null(mkdtemp(dir));
    _cleanup_(closep) int root = fs_open_dir(AT_FDCWD, dir);
    _cleanup_(closep) int listener = frame_listen_at(root, "sock", 0600);
    assert_true(listener >= 0);
    _cleanup_(closep) int c = frame_connect_at(root, "sock");
    assert_true(c >= 0);
    struct stat st;
    assert_int_equal(fstatat(root, "sock", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(fs_rm_rf(AT_FDCWD, dir), 0);
}

static void sending_to_a_peer_that_does_not_read_ends_in_time(void **state)
{
    int pair[2], r;
    json_auto_t *small = json_pack("{ss}", "type", "small"), *large = json_object();
    _cleanup_(freep) char *text = xcalloc(1, (1 << 20) + 1);
    memset(text, 'x', 1 << 20);
    json_put_str(large, "text", text);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    while ((r = frame_send_within(pair[0], small, NULL, 0, 0)) == 0)
        ;
    assert_int_equal(r, -ETIMEDOUT); /* nothing of it has left: the stream is good for more */
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(frame_send_within(pair[0], large, NULL, 0, 10), -EPIPE);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_arrive_whole_with_their_descriptors),
        cmocka_unit_test(a_length_beyond_the_bound_is_refused),
        cmocka_unit_test(what_is_not_an_object_is_refused),
        cmocka_unit_test(sockets_are_reached_below_any_directory),
        cmocka_unit_test(sending_to_a_peer_that_does_not_read_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
