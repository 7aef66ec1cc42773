/* SPDX-License-Identifier: Apache-2.0 */
/* The registry over real directories. argv[1] is where the test drivers were built. */
#include "plugin/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit.h"

#include "base/fs.h"
#include "base/log.h"

static const char *drivers;
static char dir[] = "/tmp/berth-test-registry-XXXXXX";

static void copy(const char *sub, const char *name)
{
    _cleanup_(freep) char *from = str_printf("%s/log-%s.so", drivers, name), *data = NULL;
    _cleanup_(freep) char *parent = str_printf("%s/%s", dir, sub);
    _cleanup_(freep) char *to = str_printf("%s/log-%s.so", parent, name);
    size_t n;
    assert_int_equal(fs_read(AT_FDCWD, from, 64 << 20, &data, &n), 0);
    assert_int_equal(fs_mkdir_p(parent, 0755), 0);
    assert_int_equal(fs_write_atomic(AT_FDCWD, to, data, n, 0755, false), 0);
}

static struct registry *load(void)
{
    _cleanup_(freep) char *one = str_printf("%s/one", dir), *two = str_printf("%s/two", dir),
                          *none = str_printf("%s/none", dir);
    const char *const dirs[] = {one, none, two};
    struct registry *reg = registry_new();
    assert_int_equal(registry_load_dirs(reg, dirs, 3, NULL), 0);
    return reg;
}

static int setup(void **state)
{
    copy("one", "plain");
    copy("one", "major");
    copy("one", "larger");
    copy("two", "plain");
    *state = load();
    return 0;
}

static int teardown(void **state)
{
    registry_free(*state);
    return 0;
}

static void the_first_directory_wins(void **state)
{
    struct plugin *p = registry_find(*state, BERTH_LOG, "plain");
    assert_non_null(p);
    assert_non_null(strstr(p->path, "/one/"));
}

static void aliases_find_a_driver(void **state)
{
    struct plugin *p = registry_find(*state, BERTH_LOG, "pl");
    assert_non_null(p);
    assert_string_equal(p->name, "larger");
    assert_null(registry_find(*state, BERTH_STORAGE, "pl"));
}

static void words(void **state, uint32_t kind, const char *name, const char *expected)
{
    _cleanup_(err_fini) struct err err = {0};
    struct plugin *p;
    assert_int_equal(registry_find_or_err(*state, kind, name, &p, &err), -ENOENT);
    if (!strstr(err_msg(&err), expected))
        fail_msg("\"%s\" is not in \"%s\"", expected, err_msg(&err));
}

static void a_missing_driver_names_those_that_there_are(void **state)
{
    words(state, BERTH_LOG, "plaim", "(did you mean \"plain\"?); there are: larger, plain");
    words(state, BERTH_STORAGE, "x", "there is no storage driver \"x\"; there are: none");
}

static void a_refused_file_is_named_with_the_reason(void **state)
{
    words(state, BERTH_LOG, "major", "was refused: ");
    words(state, BERTH_LOG, "major", "ABI major 9");
}

static int add_name(void *ctx, struct plugin *p)
{
    strv_add(ctx, p->name);
    return 0;
}

static void each_lists_by_name(void **state)
{
    _cleanup_(strv_fini) struct strv names = {0};
    assert_int_equal(registry_each(*state, BERTH_LOG, add_name, &names), 0);
    _cleanup_(freep) char *list = strv_join(&names, " ");
    assert_string_equal(list, "larger plain");
}

int main(int argc, char **argv)
{
    drivers = argc > 1 ? argv[1] : ".";
    umask(022);
    log_setup("test", LOG_ERROR, false);
    if (!mkdtemp(dir))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_directory_wins),
        cmocka_unit_test(aliases_find_a_driver),
        cmocka_unit_test(a_missing_driver_names_those_that_there_are),
        cmocka_unit_test(a_refused_file_is_named_with_the_reason),
        cmocka_unit_test(each_lists_by_name),
    };
    int r = cmocka_run_group_tests(tests, setup, teardown);
    fs_rm_rf(AT_FDCWD, dir);
    return r;
}
