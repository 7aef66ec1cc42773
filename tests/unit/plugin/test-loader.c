/* SPDX-License-Identifier: Apache-2.0 */
/* The loader's refusals, each with real files. argv[1] is where the test drivers were built. */
#include "plugin/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "unit.h"

#include "base/fs.h"

static const char *drivers;
static char dir[] = "/tmp/berth-test-loader-XXXXXX";

/* Copies a built driver into the private directory. */
static char *copy(const char *name, mode_t mode)
{
    _cleanup_(freep) char *from = str_printf("%s/log-%s.so", drivers, name), *data = NULL;
    char *to = str_printf("%s/log-%s.so", dir, name);
    size_t n;
    assert_int_equal(fs_read(AT_FDCWD, from, 64 << 20, &data, &n), 0);
    assert_int_equal(fs_write_atomic(AT_FDCWD, to, data, n, mode, false), 0);
    assert_int_equal(chmod(to, mode), 0);
    return to;
}

static void refused_path(const char *path, uint32_t kind, const char *words)
{
    _cleanup_(err_fini) struct err err = {0};
    struct plugin *p = NULL;
    assert_true(plugin_load_file(path, kind, &p, &err) < 0);
    assert_null(p);
    if (!strstr(err_msg(&err), words))
        fail_msg("\"%s\" is not in \"%s\"", words, err_msg(&err));
    assert_non_null(strstr(err_msg(&err), path));
}

static void refused(const char *name, const char *words)
{
    _cleanup_(freep) char *path = copy(name, 0755);
    refused_path(path, BERTH_LOG, words);
}

static void a_good_driver_is_loaded(void **state)
{
    _cleanup_(freep) char *path = copy("plain", 0755);
    _cleanup_(plugin_freep) struct plugin *p = NULL, *again = NULL;
    assert_int_equal(plugin_load_file(path, BERTH_LOG, &p, NULL), 0);
    assert_string_equal(p->name, "plain");
    assert_string_equal(plugin_api_name(p), "plain");
    assert_string_equal(p->path, path);
    assert_int_equal(plugin_load_file(path, 0, &again, NULL), 0);
    assert_ptr_equal(p->desc, again->desc);
}

static void a_larger_descriptor_of_a_newer_minor_is_loaded(void **state)
{
    _cleanup_(freep) char *path = copy("larger", 0644);
    _cleanup_(plugin_freep) struct plugin *p = NULL;
    _cleanup_(err_fini) struct err err = {0};
    if (plugin_load_file(path, BERTH_LOG, &p, &err) < 0)
        fail_msg("%s", err_msg(&err));
    assert_string_equal(p->name, "larger");
    assert_string_equal(plugin_api_name(p), "pl");
    assert_true(plugin_has_name(p, "other"));
}

static void a_replaced_file_is_loaded_anew(void **state)
{
    _cleanup_(plugin_freep) struct plugin *p = NULL, *again = NULL;
    _cleanup_(freep) char *path = copy("plain", 0755);
    assert_int_equal(plugin_load_file(path, BERTH_LOG, &p, NULL), 0);
    _cleanup_(freep) char *other = copy("larger", 0755);
    assert_int_equal(rename(other, path), 0);
    assert_int_equal(plugin_load_file(path, BERTH_LOG, &again, NULL), 0);
    assert_string_equal(again->name, "larger");
    assert_string_equal(p->name, "plain");
}

static void broken_descriptors_are_refused(void **state)
{
    refused("magic", "wrong magic");
    refused("major", "ABI major 9, this host has 0");
    refused("size", "its descriptor has 40 bytes");
    refused("noname", "no name");
    refused("upper", "\"Upper\" is not one");
    refused("kind", "number 77");
    refused("nosymbol", "no symbol berth_plugin");
    refused("nowrite", "required slot write() is missing");
    refused("smallops", "ends before the required slot close()");
    refused("noread", "required slot read() is missing");
    refused("baddefault", "\"many\" is not valid");
}

static void another_kind_is_refused_with_both_names(void **state)
{
    _cleanup_(freep) char *path = copy("plain", 0755);
    refused_path(path, BERTH_STORAGE, "it is a log driver, a storage driver is needed");
}

static void a_file_that_others_can_write_is_refused(void **state)
{
    _cleanup_(freep) char *path = copy("plain", 0775);
    refused_path(path, BERTH_LOG, "can be written by group or others");
    assert_int_equal(chmod(path, 0757), 0);
    refused_path(path, BERTH_LOG, "can be written by group or others");
}

static void a_file_of_another_user_is_refused(void **state)
{
    if (geteuid() != 0)
        skip();
    _cleanup_(freep) char *path = copy("plain", 0755);
    assert_int_equal(chown(path, 1234, 0), 0);
    refused_path(path, BERTH_LOG, "belongs to uid 1234");
    unlink(path);
}

static void a_directory_that_others_can_write_is_refused(void **state)
{
    _cleanup_(freep) char *path = copy("plain", 0755), *link = str_printf("%s-link.so", dir);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(symlink(path, link), 0);
    _cleanup_(err_fini) struct err err = {0};
    struct plugin *p = NULL;
    assert_int_equal(plugin_load_file(path, BERTH_LOG, &p, &err), -EPERM);
    assert_int_equal(plugin_load_file(link, BERTH_LOG, &p, &err), -EPERM);
    assert_non_null(strstr(err_msg(&err), dir));
    assert_int_equal(chmod(dir, 0755), 0);
    unlink(link);
}

static void what_is_no_library_is_refused(void **state)
{
    _cleanup_(freep) char *text = str_printf("%s/text.so", dir), *fifo = str_printf("%s/f.so", dir),
                          *elf = str_printf("%s/elf.so", dir), *none = str_printf("%s/no.so", dir);
    assert_int_equal(fs_write(AT_FDCWD, text, "hello", 5, 0644), 0);
    assert_int_equal(fs_write(AT_FDCWD, elf, "\177ELFgarbage", 11, 0644), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    refused_path(text, BERTH_LOG, "no ELF file");
    refused_path(elf, BERTH_LOG, "cannot be loaded");
    refused_path(fifo, BERTH_LOG, "not a regular file");
    refused_path(dir, BERTH_LOG, "not a regular file");
    refused_path(none, BERTH_LOG, "no such file");
}

int main(int argc, char **argv)
{
    drivers = argc > 1 ? argv[1] : ".";
    umask(022);
    if (!mkdtemp(dir))
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_driver_is_loaded),
        cmocka_unit_test(a_larger_descriptor_of_a_newer_minor_is_loaded),
        cmocka_unit_test(a_replaced_file_is_loaded_anew),
        cmocka_unit_test(broken_descriptors_are_refused),
        cmocka_unit_test(another_kind_is_refused_with_both_names),
        cmocka_unit_test(a_file_that_others_can_write_is_refused),
        cmocka_unit_test(a_file_of_another_user_is_refused),
        cmocka_unit_test(a_directory_that_others_can_write_is_refused),
        cmocka_unit_test(what_is_no_library_is_refused),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    fs_rm_rf(AT_FDCWD, dir);
    return r;
}
