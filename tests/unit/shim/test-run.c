/* SPDX-License-Identifier: Apache-2.0 */
/* A container from prepare to release. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "harness.h"

static void echo_runs_and_its_code_is_told(void **state)
{
    struct harness *h = *state;
    int code;
    _cleanup_(freep) char *out = run_output(h, plan_sh(h, "echo hello; exit 7"), &code);
    assert_string_equal(out, "hello\n");
    assert_int_equal(code, 7);
    _cleanup_(freep) char *file = NULL;
    assert_int_equal(fs_read(h->rundir, "exit", 4096, &file, NULL), 0);
    json_t *o = json_loads(file, 0, NULL);
    assert_int_equal(json_int(o, "code", -1), 7);
    assert_true(json_int(o, "time_ns", 0) > 0);
    json_decref(o);
    release(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(echo_runs_and_its_code_is_told, harness_setup,
                                        harness_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
