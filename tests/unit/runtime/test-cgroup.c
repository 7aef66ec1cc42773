/* SPDX-License-Identifier: Apache-2.0 */
/* The layout from texts, and the real hierarchies of this machine under a name of the test's own. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/str.h"
#include "runtime/cgroup-internal.h"
#include "runtime/devices.h"

static const char v1_mounts[] =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 / /sys/fs/cgroup/mem\\040ory rw - cgroup cgroup rw,memory\n"
    "34 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup "
    "rw,xattr,release_agent=/x,name=systemd\n"
    "35 31 0:30 / /other/memory rw - cgroup cgroup rw,memory\n"
    "36 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

static struct cgroup *open_texts(const char *mounts)
{
    struct cgroup *cg = NULL;
    assert_int_equal(cgroup_open_texts("berth", "0a0b0c0d", mounts, "0::/\n", &cg, NULL), 0);
    return cg;
}

static void a_hybrid_layout_is_version_1(void **state)
{
    _cleanup_(cgroup_closep) struct cgroup *cg = open_texts(v1_mounts);
    assert_int_equal(cgroup_version(cg), 1);
    assert_int_equal(cg->n, 3);
    _cleanup_(freep) char *memory = cgroup_path(cg, "id", "memory");
    assert_string_equal(memory, "/sys/fs/cgroup/mem ory/berth-0a0b0c0d/id");
    assert_ptr_equal(cgroup_hier_of(cg, "cpu"), cgroup_hier_of(cg, "cpuacct"));
    assert_null(cgroup_hier_of(cg, "pids"));
}

static void a_joined_hierarchy_gets_links_in_the_plan(void **state)
{
    _cleanup_(cgroup_closep) struct cgroup *cg = open_texts(v1_mounts);
    json_auto_t *mounts = json_array();
    cgroup_plan_mounts(cg, "id", false, false, mounts);
    assert_int_equal(json_array_size(mounts), 7); /* tmpfs, 3 binds, 2 links, remount */
    assert_string_equal(json_str(json_array_get(mounts, 2), "symlink", ""), "cpu,cpuacct");
    assert_true(json_bool(json_array_get(mounts, 6), "remount", false));
    json_auto_t *plan = cgroup_plan(cg, "id");
    assert_string_equal(json_string_value(json_array_get(json_arr(plan, "join"), 0)),
                        "/sys/fs/cgroup/cpu,cpuacct/berth-0a0b0c0d/id/tasks");
}

static void a_machine_with_v2_alone(void **state)
{
    _cleanup_(cgroup_closep) struct cgroup *cg =
        open_texts("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n");
    assert_int_equal(cgroup_version(cg), 2);
    json_auto_t *plan = cgroup_plan(cg, "id");
    assert_string_equal(json_str(plan, "path", ""), "/sys/fs/cgroup/berth-0a0b0c0d/id");
}

static void a_parent_with_a_slash_is_refused(void **state)
{
    struct cgroup *cg = NULL;
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(cgroup_open_texts("a/b", "x", "", "", &cg, &err), -EINVAL);
    assert_non_null(strstr(err_msg(&err), "a/b"));
}

static int check(const char *text, json_t *warnings)
{
    _cleanup_(cgroup_closep) struct cgroup *cg = open_texts(v1_mounts);
    json_auto_t *hc = json_loads(text, 0, NULL);
    return cgroup_check(cg, hc, warnings, NULL);
}

static void limits_are_judged_in_dockers_words(void **state)
{
    json_auto_t *warnings = json_array();
    assert_int_equal(check("{\"Memory\":1}", warnings), -EINVAL);
    assert_int_equal(check("{\"MemorySwap\":100}", warnings), -EINVAL);
    assert_int_equal(check("{\"MemorySwappiness\":101}", warnings), -EINVAL);
    assert_int_equal(check("{\"BlkioWeight\":5}", warnings), -EINVAL);
    assert_int_equal(check("{\"Memory\":6291456,\"MemoryReservation\":8388608}", warnings), 0);
    assert_int_equal(json_array_size(warnings), 2); /* no such files here: swap, reservation */
    assert_int_equal(check("{\"PidsLimit\":5}", warnings), 0);
    assert_int_equal(json_array_size(warnings), 3);
}

static void device_rules_parse(void **state)
{
    struct device_rule r;
    assert_int_equal(device_rule_parse("c 10:* rw", &r), 0);
    assert_int_equal(r.major, 10);
    assert_int_equal(r.minor, DEVICE_ANY);
    assert_false(r.mknod);
    static const char *const bad[] = {"",      "x 1:3 r",  "c 1 r",      "c 1:3 x",
                                      "c 1:3", "c -1:3 r", "c 1:3 rwmr", "c 1:3 r extra"};
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(device_rule_parse(bad[i], &r), -EINVAL);
}

/* --- this machine */

static char id[ID_MAX];

static struct cgroup *open_real(void)
{
    struct cgroup *cg = NULL;
    char instance[9];
    id_random_hex(instance, 4);
    id_new(id);
    assert_int_equal(cgroup_open("berth-unit", instance, &cg, NULL), 0);
    return cg;
}

static bool is_usable(const struct cgroup *cg)
{
    return geteuid() == 0 && cg->n > 0 && access(cg->hiers[0].base, W_OK) == 0;
}

/* A child that is in the container's groups and sleeps. */
static pid_t child_in(struct cgroup *cg)
{
    json_auto_t *plan = cgroup_plan(cg, id);
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    size_t i;
    json_t *path;
    json_array_foreach (json_arr(plan, "join"), i, path) {
        if (fs_write(AT_FDCWD, json_string_value(path), "0", 1, 0) < 0)
            _exit(1);
    }
    if (json_str(plan, "path", NULL) &&
        cgroup_write(json_str(plan, "path", ""), "cgroup.procs", "0", NULL) < 0)
        _exit(1);
    pause();
    _exit(0);
}

static void a_group_holds_its_limits_and_its_processes_until_it_is_destroyed(void **state)
{
    _cleanup_(cgroup_closep) struct cgroup *cg = open_real();
    if (!is_usable(cg))
        skip();
    _cleanup_(err_fini) struct err err = {0};
    json_auto_t *hc = json_loads(
        "{\"Memory\":16777216,\"PidsLimit\":7,\"CpuShares\":512,\"NanoCpus\":500000000}", 0, NULL);
    int r = cgroup_create(cg, id, hc, &err);
    if (r < 0)
        print_message("%s\n", err_msg(&err));
    assert_int_equal(r, 0);
    _cleanup_(freep) char *pids = cgroup_path(cg, id, "pids");
    if (pids) {
        _cleanup_(freep) char *file = str_printf("%s/pids.max", pids), *text = NULL;
        assert_int_equal(fs_read(AT_FDCWD, file, 64, &text, NULL), 0);
        assert_string_equal(text, "7\n");
    }
    pid_t pid = child_in(cg);
    size_t n = 0;
    while (n == 0 && waitpid(pid, NULL, WNOHANG) == 0) { /* until the child has joined */
        _cleanup_(freep) pid_t *list = NULL;
        assert_int_equal(cgroup_procs(cg, id, &list, &n, NULL), 0);
    }
    assert_int_equal(n, 1);
    assert_int_equal(cgroup_destroy(cg, id, 0, &err), -EBUSY);
    signal(SIGCHLD, SIG_IGN); /* nobody else reaps it: a zombie would stay in its groups on v1 */
    assert_int_equal(cgroup_destroy(cg, id, 10000, &err), 0);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(cgroup_destroy(cg, id, 10000, &err), 0);
    _cleanup_(strv_fini) struct strv ids = {0};
    assert_int_equal(cgroup_list(cg, &ids, NULL), 0);
    assert_int_equal(ids.n, 0);
    cgroup_remove_parent(cg);
    _cleanup_(freep) char *parent = cgroup_dir(cg, &cg->hiers[0], NULL);
    assert_int_not_equal(access(parent, F_OK), 0);
}

static void a_limit_that_fails_leaves_no_group(void **state)
{
    _cleanup_(cgroup_closep) struct cgroup *cg = open_real();
    if (!is_usable(cg) || !cgroup_hier_of(cg, "cpuset"))
        skip();
    json_auto_t *hc = json_loads("{\"CpusetCpus\":\"4000\"}", 0, NULL);
    _cleanup_(err_fini) struct err err = {0};
    assert_true(cgroup_create(cg, id, hc, &err) < 0);
    assert_non_null(strstr(err_msg(&err), "cpuset.cpus"));
    _cleanup_(strv_fini) struct strv ids = {0};
    assert_int_equal(cgroup_list(cg, &ids, NULL), 0);
    assert_int_equal(ids.n, 0);
    cgroup_remove_parent(cg);
}

static char *value_of(struct cgroup *cg, const char *controller, const char *file)
{
    const struct cgroup_hier *h = cgroup_hier_of(cg, controller);
    _cleanup_(freep) char *dir = cgroup_dir(cg, h, id), *path = str_printf("%s/%s", dir, file);
    char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, path, 64, &text, NULL), 0);
    return text;
}

static int update(struct cgroup *cg, const char *text, struct err *err)
{
    json_auto_t *hc = json_loads(text, 0, NULL);
    return cgroup_update(cg, id, hc, err);
}

static void an_update_that_fails_leaves_all_limits_as_they_were(void **state)
{
    _cleanup_(cgroup_closep) struct cgroup *cg = open_real();
    if (!is_usable(cg) || !cgroup_hier_of(cg, "cpuset") || !cgroup_hier_of(cg, "pids"))
        skip();
    const char *memory = cgroup_version(cg) == 2 ? "memory.max" : "memory.limit_in_bytes";
    json_auto_t *hc = json_loads("{\"Memory\":16777216,\"PidsLimit\":7}", 0, NULL);
    _cleanup_(err_fini) struct err err = {0};
    assert_int_equal(update(cg, "{}", NULL), -ENOENT);
    assert_int_equal(cgroup_create(cg, id, hc, NULL), 0);
    assert_true(update(cg, "{\"Memory\":33554432,\"PidsLimit\":9,\"CpusetCpus\":\"4000\"}", &err) <
                0);
    assert_non_null(strstr(err_msg(&err), "cpuset.cpus"));
    _cleanup_(freep) char *was_pids = value_of(cg, "pids", "pids.max");
    _cleanup_(freep) char *was_memory = value_of(cg, "memory", memory);
    assert_string_equal(was_pids, "7\n");
    assert_string_equal(was_memory, "16777216\n");
    assert_int_equal(update(cg, "{\"Memory\":33554432,\"PidsLimit\":-1}", NULL), 0);
    _cleanup_(freep) char *now_pids = value_of(cg, "pids", "pids.max");
    _cleanup_(freep) char *now_memory = value_of(cg, "memory", memory);
    assert_string_equal(now_pids, "max\n");
    assert_string_equal(now_memory, "33554432\n");
    assert_int_equal(cgroup_destroy(cg, id, 0, NULL), 0);
    cgroup_remove_parent(cg);
}

/* The v2 device program, on whatever v2 tree there is. */
static void a_device_program_denies_what_no_rule_allows(void **state)
{
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    const char *mount = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
        _cleanup_(freep) char *file = str_printf("%s/cgroup.procs", mounts[i]);
        if (access(file, W_OK) == 0)
            mount = mounts[i];
    }
    if (geteuid() != 0 || !mount || access("/dev/kmsg", F_OK) < 0)
        skip();
    char name[9];
    id_random_hex(name, 4);
    _cleanup_(freep) char *dir = str_printf("%s/berth-unit-%s", mount, name);
    assert_int_equal(mkdir(dir, 0755), 0);
    struct cgroup_hier h = {.v2 = true};
    json_auto_t *hc = json_object();
    _cleanup_(err_fini) struct err err = {0};
    int r = cgroup_devices_set(&h, dir, hc, &err);
    if (r < 0)
        print_message("%s\n", err_msg(&err));
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0) {
        if (cgroup_write(dir, "cgroup.procs", "0", NULL) < 0 || open("/dev/null", O_RDWR) < 0)
            _exit(1);
        _exit(open("/dev/kmsg", O_RDONLY) < 0 && errno == EPERM ? 0 : 2);
    }
    int status = -1;
    if (pid > 0)
        waitpid(pid, &status, 0);
    rmdir(dir);
    assert_int_equal(r, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hybrid_layout_is_version_1),
        cmocka_unit_test(a_joined_hierarchy_gets_links_in_the_plan),
        cmocka_unit_test(a_machine_with_v2_alone),
        cmocka_unit_test(a_parent_with_a_slash_is_refused),
        cmocka_unit_test(limits_are_judged_in_dockers_words),
        cmocka_unit_test(device_rules_parse),
        cmocka_unit_test(a_group_holds_its_limits_and_its_processes_until_it_is_destroyed),
        cmocka_unit_test(a_limit_that_fails_leaves_no_group),
        cmocka_unit_test(an_update_that_fails_leaves_all_limits_as_they_were),
        cmocka_unit_test(a_device_program_denies_what_no_rule_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
