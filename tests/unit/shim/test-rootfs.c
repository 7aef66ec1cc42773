/* SPDX-License-Identifier: Apache-2.0 */
/* The root and what is mounted in it, seen from inside; and without the calls that older kernels do not have. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "harness.h"

static void masked_and_readonly_paths_hold(void **state)
{
    struct harness *h = *state;
    json_t *plan =
        plan_sh(h, "exec 2>&1; wc -c < /proc/cpuinfo; ls /sys/kernel | wc -l; touch /sys/kernel/x; "
                   "echo 1 > /proc/sys/kernel/domainname; grep ' /proc/sys ' /proc/self/mountinfo; "
                   "stat -c %t:%T /proc/cpuinfo");
    json_array_append_new(json_object_get(plan, "masked"), json_string("/sys/kernel"));
    json_array_append_new(json_object_get(plan, "masked"), json_string("/proc/cpuinfo"));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    CONTAINS(out, "0\n0\n");
    CONTAINS(out, "touch: /sys/kernel/x: Read-only file system");
    CONTAINS(out, "can't create /proc/sys/kernel/domainname: Read-only file system");
    CONTAINS(out, " /proc/sys ro,nosuid,nodev,noexec,relatime - proc proc rw");
    CONTAINS(out, "\n1:3\n");
    release(h);
}

static void readonly_root_with_writable_tmpfs(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "exec 2>&1; touch /etc/x; touch /tmp/y && echo fine; grep ' / / ' "
                              "/proc/self/mountinfo | wc -l");
    json_put_bool(plan, "readonly", true);
    plan_mount(plan, json_pack("{s:s,s:s,s:s,s:[[s,s]]}", "target", "/tmp", "filesystem", "tmpfs",
                               "source", "tmpfs", "options", "mode", "1777"));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    CONTAINS(out, "/etc/x: Read-only file system\nfine\n");
    release(h);
}

static void binds_are_made_with_their_flags_and_targets(void **state)
{
    struct harness *h = *state;
    _cleanup_(freep) char *file = str_printf("%s/file", h->dir);
    _cleanup_(freep) char *dir = str_printf("%s/share", h->dir);
    fs_write(AT_FDCWD, file, "content\n", 8, 0644);
    fs_mkdir_p(dir, 0755);
    json_t *plan = plan_sh(
        h, "exec 2>&1; cat /new/deep/file; touch /new/deep/file; touch /data/x && ls /data; "
           "grep ' /data ' /proc/self/mountinfo");
    plan_mount(plan, json_pack("{s:s,s:s,s:[s]}", "target", "/new/deep/file", "bind", file, "flags",
                               "ro"));
    plan_mount(plan,
               json_pack("{s:s,s:s,s:[s]}", "target", "/data", "bind", dir, "flags", "noexec"));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    /* What it says and what it complains of are streams of their own: their order is anybody's. */
    CONTAINS(out, "content\n");
    CONTAINS(out, "touch: /new/deep/file: Read-only file system\n");
    CONTAINS(out, "x\n");
    CONTAINS(out, "noexec");
    release(h);
}

/* The image's links lead inside the root, whatever they say. */
static void links_in_the_image_do_not_lead_out(void **state)
{
    struct harness *h = *state;
    _cleanup_(freep) char *link = str_printf("%s/root/way", h->dir);
    _cleanup_(freep) char *dangling = str_printf("%s/root/run", h->dir);
    _cleanup_(freep) char *outside = str_printf("%s/outside", h->dir);
    _cleanup_(freep) char *up = str_printf("../../../..%s", outside);
    fs_mkdir_p(outside, 0755);
    assert_int_equal(symlink(up, link), 0);
    assert_int_equal(symlink("/var/real/run", dangling), 0);
    json_t *plan = plan_sh(h, "touch /way/in/file; ls /var/real/run/here; readlink /way");
    plan_mount(plan, json_pack("{s:s,s:s}", "target", "/way/in", "filesystem", "tmpfs"));
    plan_mount(plan, json_pack("{s:s,s:s}", "target", "/run/here", "filesystem", "tmpfs"));
    int code;
    _cleanup_(freep) char *out = run_output(h, plan, &code);
    assert_int_equal(code, 0);
    _cleanup_(freep) char *in = str_printf("%s/in", outside);
    assert_false(fs_exists(AT_FDCWD, in));
    release(h);
}

static void devices_links_and_mounts_are_there(void **state)
{
    struct harness *h = *state;
    json_t *plan =
        plan_sh(h, "stat -c '%n %F %a %t:%T' /dev/null /dev/zero /dev/tty; "
                   "readlink /dev/fd; readlink /dev/ptmx; grep -c . /proc/self/mountinfo; "
                   "cat /proc/self/mountinfo; echo x > /dev/null && echo ok");
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    CONTAINS(out, "/dev/null character special file 666 1:3");
    CONTAINS(out, "/proc/self/fd\npts/ptmx\n");
    CONTAINS(out, "- devpts devpts rw,gid=5,mode=620,ptmxmode=666");
    CONTAINS(out, " /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw");
    CONTAINS(out, " /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro");
    CONTAINS(out, " /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k");
    assert_null(strstr(out, "shared:"));
    assert_null(strstr(out, "master:"));
    CONTAINS(out, "\nok\n");
    release(h);
}

static void overlay_root_is_mounted_inside(void **state)
{
    struct harness *h = *state;
    _cleanup_(freep) char *root = str_printf("%s/root", h->dir);
    _cleanup_(freep) char *low = str_printf("%s/with:colon,comma", h->dir);
    _cleanup_(freep) char *upper = str_printf("%s/upper", h->dir);
    _cleanup_(freep) char *work = str_printf("%s/work", h->dir);
    _cleanup_(freep) char *extra = str_printf("%s/extra", low);
    fs_mkdir_p(low, 0755);
    fs_mkdir_p(upper, 0755);
    fs_mkdir_p(work, 0755);
    fs_write(AT_FDCWD, extra, "layered\n", 8, 0644);
    json_t *plan = plan_sh(h, "cat /extra; touch /written; grep ' / / ' /proc/self/mountinfo");
    json_put_take(plan, "rootfs",
                  json_pack("{s:s,s:[[s,s,b],[s,s,b],[s,s,b],[s,s,b]]}", "filesystem", "overlay",
                            "options", "lowerdir+", low, 1, "lowerdir+", root, 1, "upperdir", upper,
                            1, "workdir", work, 1));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    CONTAINS(out, "layered\n");
    CONTAINS(out, " - overlay overlay rw,");
    _cleanup_(freep) char *written = str_printf("%s/written", upper);
    assert_true(fs_exists(AT_FDCWD, written));
    _cleanup_(freep) char *mounts = NULL;
    assert_int_equal(fs_read(AT_FDCWD, "/proc/self/mounts", 1u << 20, &mounts, NULL), 0);
    assert_null(strstr(mounts, h->dir));
    release(h);
}

/* Starts a container with the bind on /data, mounts something below its source, and tells whether that came in. */
static bool mount_comes_in(struct harness *h, const char *propagation, const char *flag)
{
    _cleanup_(freep) char *share = str_printf("%s/share", h->dir);
    _cleanup_(freep) char *below = str_printf("%s/below", share);
    assert_int_equal(fs_mkdir_p(share, 0755), 0);
    assert_int_equal(mount("t", share, "tmpfs", 0, NULL), 0);
    assert_int_equal(mount(NULL, share, NULL, MS_SHARED, NULL), 0);
    assert_int_equal(mkdir(below, 0755), 0);
    json_t *plan = plan_new(h, (const char *const[]){"sleep", "1000", NULL});
    json_t *bind =
        json_pack("{s:s,s:s,s:s}", "target", "/data", "bind", share, "propagation", propagation);
    if (flag)
        json_put_take(bind, "flags", json_pack("[s]", flag));
    plan_mount(plan, bind);
    shim_start(h);
    json_t *reply = ask_ok(h, prepare_msg(plan));
    _cleanup_(freep) char *path = str_printf("/proc/%d/mountinfo", (int)json_int(reply, "pid", 0));
    json_decref(reply);
    json_decref(ask_ok(h, msg_new("go")));
    assert_int_equal(mount("late", below, "tmpfs", 0, NULL), 0);
    char *info = NULL;
    assert_int_equal(fs_read(AT_FDCWD, path, 1u << 20, &info, NULL), 0);
    bool in = strstr(info, " /data/below ") != NULL;
    free(info);
    json_decref(ask_ok(h, msg_new("kill")));
    assert_int_equal(exit_code(h), 137);
    release(h);
    assert_int_equal(umount2(below, MNT_DETACH), 0);
    assert_int_equal(umount2(share, MNT_DETACH), 0);
    return in;
}

static void private_bind_hears_nothing_of_the_host(void **state)
{
    assert_false(mount_comes_in(*state, "rprivate", NULL));
}

static void slave_bind_gets_the_hosts_later_mounts(void **state)
{
    assert_true(mount_comes_in(*state, "rslave", "ro"));
}

static void shared_bind_gets_the_hosts_later_mounts(void **state)
{
    assert_true(mount_comes_in(*state, "rshared", NULL));
}

static void readonly_tree_covers_mounts_below(void **state)
{
    struct harness *h = *state;
    _cleanup_(freep) char *share = str_printf("%s/share", h->dir);
    _cleanup_(freep) char *below = str_printf("%s/below", share);
    assert_int_equal(fs_mkdir_p(below, 0755), 0);
    assert_int_equal(mount("t", below, "tmpfs", 0, NULL), 0);
    json_t *plan = plan_sh(h, "exec 2>&1; touch /ro/below/x; touch /rro/below/x");
    plan_mount(plan, json_pack("{s:s,s:s,s:[s]}", "target", "/ro", "bind", share, "flags", "ro"));
    plan_mount(plan, json_pack("{s:s,s:s,s:[s]}", "target", "/rro", "bind", share, "flags", "rro"));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    release(h);
    assert_int_equal(umount2(below, MNT_DETACH), 0);
    assert_string_equal(out, "touch: /rro/below/x: Read-only file system\n");
}

/* As /sys/fs/cgroup is on version 1: a tmpfs that is filled, then closed. */
static void tmpfs_is_filled_then_made_readonly(void **state)
{
    struct harness *h = *state;
    _cleanup_(freep) char *share = str_printf("%s/share", h->dir);
    assert_int_equal(fs_mkdir_p(share, 0755), 0);
    json_t *plan = plan_sh(
        h, "exec 2>&1; readlink /box/cpu; touch /box/x; touch /box/cpu,cpuacct/y && echo in");
    plan_mount(plan, json_pack("{s:s,s:s,s:[s]}", "target", "/box", "filesystem", "tmpfs", "flags",
                               "nosuid"));
    plan_mount(plan, json_pack("{s:s,s:s}", "target", "/box/cpu,cpuacct", "bind", share));
    plan_mount(plan, json_pack("{s:s,s:s}", "target", "/box/cpu", "symlink", "cpu,cpuacct"));
    plan_mount(plan, json_pack("{s:s,s:b,s:[s,s]}", "target", "/box", "remount", 1, "flags", "ro",
                               "nosuid"));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    assert_string_equal(out, "cpu,cpuacct\ntouch: /box/x: Read-only file system\nin\n");
    release(h);
}

/* --- older kernels: the calls that they do not have answer ENOSYS */

static void works_without(struct harness *h, const int *calls, size_t n)
{
    struct sock_filter f[64];
    h->limits = f;
    h->nlimits = filter_build(calls, n, ENOSYS, f);
    _cleanup_(freep) char *share = str_printf("%s/share", h->dir);
    fs_mkdir_p(share, 0755);
    json_t *plan =
        plan_sh(h, "exec 2>&1; tty; touch /etc/x; touch /share/x; wc -c < /proc/cpuinfo; "
                   "grep -E ' (/share|/proc/sys|/sys) ' /proc/self/mountinfo; "
                   "ls /proc/1/fd | wc -l");
    json_put_bool(plan_process(plan), "tty", true);
    json_put_bool(plan, "readonly", true);
    plan_mount(plan,
               json_pack("{s:s,s:s,s:[s]}", "target", "/share", "bind", share, "flags", "ro"));
    int code;
    _cleanup_(freep) char *out = run_output(h, plan, &code);
    CONTAINS(out, "/dev/pts/0");
    CONTAINS(out, "/etc/x: Read-only file system");
    CONTAINS(out, "/share/x: Read-only file system");
    CONTAINS(out, " /proc/sys ro,nosuid,nodev,noexec,relatime - proc");
    CONTAINS(out, " /sys ro,nosuid,nodev,noexec,relatime - sysfs");
    assert_null(strstr(out, "shared:"));
    release(h);
}

static void works_without_fsopen(void **state)
{
    works_without(*state, (const int[]){SYS_fsopen}, 1);
}

static void works_without_mount_setattr(void **state)
{
    works_without(*state, (const int[]){SYS_mount_setattr}, 1);
}

static void works_without_clone3_and_close_range(void **state)
{
    works_without(*state, (const int[]){SYS_clone3, SYS_close_range}, 2);
}

static void works_without_any_of_them(void **state)
{
    works_without(*state, (const int[]){SYS_fsopen, SYS_mount_setattr, SYS_clone3, SYS_close_range},
                  4);
}

static void overlay_works_without_fsopen(void **state)
{
    struct harness *h = *state;
    const int calls[] = {SYS_fsopen};
    struct sock_filter f[8];
    h->limits = f;
    h->nlimits = filter_build(calls, 1, ENOSYS, f);
    overlay_root_is_mounted_inside(state);
}

/* More layers than a page of paths can name. */
static void many_layers_work_without_fsopen(void **state)
{
    struct harness *h = *state;
    const int calls[] = {SYS_fsopen};
    struct sock_filter f[8];
    h->limits = f;
    h->nlimits = filter_build(calls, 1, ENOSYS, f);
    _cleanup_(freep) char *root = str_printf("%s/root", h->dir);
    json_t *options = json_array();
    for (int i = 0; i < 120; i++) {
        _cleanup_(freep) char *low = str_printf("%s/layer-with-a-rather-long-name-%d", h->dir, i);
        fs_mkdir_p(low, 0755);
        json_array_append_new(options, json_pack("[s,s,b]", "lowerdir+", low, 1));
    }
    json_array_append_new(options, json_pack("[s,s,b]", "lowerdir+", root, 1));
    json_t *plan = plan_sh(h, "echo deep");
    json_put_take(plan, "rootfs",
                  json_pack("{s:s,s:o}", "filesystem", "overlay", "options", options));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    assert_string_equal(out, "deep\n");
    release(h);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(masked_and_readonly_paths_hold),
        T(readonly_root_with_writable_tmpfs),
        T(binds_are_made_with_their_flags_and_targets),
        T(links_in_the_image_do_not_lead_out),
        T(devices_links_and_mounts_are_there),
        T(overlay_root_is_mounted_inside),
        T(private_bind_hears_nothing_of_the_host),
        T(slave_bind_gets_the_hosts_later_mounts),
        T(shared_bind_gets_the_hosts_later_mounts),
        T(readonly_tree_covers_mounts_below),
        T(tmpfs_is_filled_then_made_readonly),
        T(works_without_fsopen),
        T(works_without_mount_setattr),
        T(works_without_clone3_and_close_range),
        T(works_without_any_of_them),
        T(overlay_works_without_fsopen),
        T(many_layers_work_without_fsopen),
    };
    /* Mounts that tests make are nobody else's. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
