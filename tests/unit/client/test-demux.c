/* SPDX-License-Identifier: Apache-2.0 */
#include "../unit.h"

#include <errno.h>
#include <signal.h>

#include "capture.h"
#include "client/session.h"

/* Two frames to stdout with an empty one between them, one to stderr. */
static const char stream[] = "\1\0\0\0\0\0\0\3abc"
                             "\1\0\0\0\0\0\0\0"
                             "\2\0\0\0\0\0\0\4err\n"
                             "\1\0\0\0\0\0\0\2d\n";
#define STREAM_N (sizeof(stream) - 1)

static void a_stream_may_be_cut_at_every_byte(void **state)
{
    for (size_t cut = 0; cut <= STREAM_N; cut++) {
        struct demux d = {0};
        struct capture out, err;
        capture_begin(&out, STDOUT_FILENO);
        capture_begin(&err, STDERR_FILENO);
        int r = demux_feed(&d, stream, cut);
        int r2 = demux_feed(&d, stream + cut, STREAM_N - cut);
        _cleanup_(freep) char *err_text = capture_end(&err), *out_text = capture_end(&out);
        assert_int_equal(r, 0);
        assert_int_equal(r2, 0);
        assert_string_equal(out_text, "abcd\n");
        assert_string_equal(err_text, "err\n");
    }
}

static void a_stream_may_come_byte_by_byte(void **state)
{
    struct demux d = {0};
    struct capture out, err;
    int r = 0;
    capture_begin(&out, STDOUT_FILENO);
    capture_begin(&err, STDERR_FILENO);
    for (size_t i = 0; i < STREAM_N; i++)
        r |= demux_feed(&d, stream + i, 1);
    _cleanup_(freep) char *err_text = capture_end(&err), *out_text = capture_end(&out);
    assert_int_equal(r, 0);
    assert_string_equal(out_text, "abcd\n");
    assert_string_equal(err_text, "err\n");
}

static void what_is_no_such_stream_is_refused(void **state)
{
    static const char *const bad[] = {"\3\0\0\0\0\0\0\1x", "\1\1\0\0\0\0\0\1x", "\1\0\0\1\0\0\0\1x",
                                      "hello world"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct demux d = {0};
        assert_int_equal(demux_feed(&d, bad[i], 9), -EBADMSG);
    }
}

static void output_that_nobody_reads_is_an_error(void **state)
{
    struct demux d = {0};
    int ends[2], saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    fflush(stdout);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    int r = demux_feed(&d, stream, STREAM_N);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    assert_int_equal(r, -EPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_may_be_cut_at_every_byte),
        cmocka_unit_test(a_stream_may_come_byte_by_byte),
        cmocka_unit_test(what_is_no_such_stream_is_refused),
        cmocka_unit_test(output_that_nobody_reads_is_an_error),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
