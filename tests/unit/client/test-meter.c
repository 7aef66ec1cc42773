/* SPDX-License-Identifier: Apache-2.0 */
/* What meters say, and lines of progress. */
#include "../unit.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "client/client.h"
#include "client/lines.h"
#include "client/meter.h"
#include "capture.h"

static void says(int64_t done, int64_t total, double seconds, const char *words)
{
    _cleanup_(freep) char *have = meter_words(done, total, (int64_t)(seconds * 1e9));
    assert_string_equal(have, words);
}

static void a_meter_says_how_far_how_fast_and_how_long(void **state)
{
    says(0, -1, 0, "0B");
    says(50000000, 100000000, 1, "50MB / 100MB  50MB/s  1s left");
    says(50000000, -1, 1, "50MB  50MB/s");
    says(1000000, 1000000000, 10, "1MB / 1GB  100kB/s  2h46m left");
    says(1000000, 100000000, 1, "1MB / 100MB  1MB/s  1m39s left");
    says(100, 100, 1, "100B / 100B  100B/s");
    says(50000000, 100000000, 0.1, "50MB / 100MB");
    says(200, 100, 1, "200B  200B/s");
}

static void no_meter_is_a_meter(void **state)
{
    meter_begin(NULL, "x", 1);
    meter_add(NULL, 1);
    meter_set(NULL, "x", 1, 1);
    meter_end(NULL);
}

static void lines_print_words_and_keep_errors(void **state)
{
    struct client c = {0};
    struct lines l = {.quiet = true};
    static const char text[] =
        "{\"status\":\"Loading "
        "layer\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"a\"}\r\n"
        "{\"stream\":\"Loaded image: x:1\\n\"}\r\n"
        "no json\r\n{\"errorDetail\":{\"message\":\"no\"},\"error\":\"no room\"}";
    struct capture cap;
    capture_begin(&cap, STDOUT_FILENO);
    for (size_t i = 0; i < strlen(text); i += 7)
        lines_data(&l, text + i, strlen(text) - i < 7 ? strlen(text) - i : 7);
    int r = lines_end(&c, &l, 0);
    _cleanup_(freep) char *out = capture_end(&cap);
    assert_string_equal(out, "Loaded image: x:1\n");
    assert_int_equal(r, -EIO);
    assert_string_equal(err_msg(&c.err), "no room");
    err_fini(&c.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_meter_says_how_far_how_fast_and_how_long),
        cmocka_unit_test(no_meter_is_a_meter),
        cmocka_unit_test(lines_print_words_and_keep_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
