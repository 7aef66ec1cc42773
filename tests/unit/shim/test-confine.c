/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement, seen from inside and from the kernel's files. */
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

static json_t *plan_cat(struct harness *h, const char *path)
{
    return plan_new(h, (const char *const[]){"cat", path, NULL});
}

static void plain_process_has_dockers_caps_and_clean_signals(void **state)
{
    struct harness *h = *state;
    _cleanup_(freep) char *out = run_output(h, plan_cat(h, "/proc/self/status"), NULL);
    CONTAINS(out, "CapInh:\t0000000000000000\n");
    CONTAINS(out, "CapPrm:\t00000000a80425fb\n");
    CONTAINS(out, "CapEff:\t00000000a80425fb\n");
    CONTAINS(out, "CapBnd:\t00000000a80425fb\n");
    CONTAINS(out, "CapAmb:\t0000000000000000\n");
    CONTAINS(out, "NoNewPrivs:\t0\n");
    CONTAINS(out, "Seccomp:\t0\n");
    CONTAINS(out, "SigBlk:\t0000000000000000\n");
    CONTAINS(out, "SigIgn:\t0000000000000000\n");
    CONTAINS(out, "SigCgt:\t0000000000000000\n");
    CONTAINS(out, "Umask:\t0022\n");
    CONTAINS(out, "Groups:\t0 \n");
    CONTAINS(out, "Pid:\t1\n");
    release(h);
}

static void user_by_name_gets_groups_and_loses_caps(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapBnd|CapInh):' "
                              "/proc/self/status; echo $HOME; echo x > /dev/stdout");
    json_put_str(plan_process(plan), "user", "web");
    json_put_take(plan_process(plan), "groups", json_pack("[s,s]", "audio", "777"));
    int code;
    _cleanup_(freep) char *out = run_output(h, plan, &code);
    CONTAINS(out, "Uid:\t33\t33\t33\t33\n");
    CONTAINS(out, "Gid:\t34\t34\t34\t34\n");
    CONTAINS(out, "Groups:\t29 34 50 777 \n");
    CONTAINS(out, "CapPrm:\t0000000000000000\n");
    CONTAINS(out, "CapEff:\t0000000000000000\n");
    CONTAINS(out, "CapInh:\t0000000000000000\n");
    CONTAINS(out, "CapBnd:\t00000000a80425fb\n");
    CONTAINS(out, "/srv/web\nx\n");
    assert_int_equal(code, 0);
    release(h);
}

static void user_by_number_need_not_be_listed(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "id -u; id -g; echo $HOME");
    json_put_str(plan_process(plan), "user", "1234:www");
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    assert_string_equal(out, "1234\n34\n/\n");
    release(h);
}

static json_t *with_filter(json_t *plan)
{
    json_put_bool(plan_process(plan), "seccomp", true);
    json_put_take(plan, "fds", json_pack("[s]", "seccomp"));
    return plan;
}

static void run_filtered(struct harness *h, json_t *plan)
{
    int calls[] = {SYS_mkdir, SYS_mkdirat};
    int fd = filter_fd(calls, 2, EXDEV);
    shim_start(h);
    json_t *reply = ask_fd(h, prepare_msg(with_filter(plan)), fd);
    close(fd);
    assert_int_equal(json_int(reply, "error", -1), 0);
    json_decref(reply);
    h->out = attach(h, NULL, false, true, true);
    json_decref(ask_ok(h, msg_new("go")));
}

static void seccomp_filter_is_loaded(void **state)
{
    struct harness *h = *state;
    run_filtered(h, plan_sh(h, "grep -E 'Seccomp:|NoNew' /proc/self/status; mkdir /tmp/x"));
    _cleanup_(freep) char *out = read_stream(h->out, false);
    CONTAINS(out, "NoNewPrivs:\t0\n");
    CONTAINS(out, "Seccomp:\t2\n");
    CONTAINS(out, "Invalid cross-device link");
    assert_int_equal(exit_code(h), 1);
    release(h);
}

static void seccomp_and_no_new_privileges_for_a_plain_user(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "grep -E 'Seccomp:|NoNew' /proc/self/status; id -u");
    json_put_bool(plan_process(plan), "no_new_privileges", true);
    json_put_str(plan_process(plan), "user", "web");
    run_filtered(h, plan);
    _cleanup_(freep) char *out = read_stream(h->out, false);
    CONTAINS(out, "NoNewPrivs:\t1\n");
    CONTAINS(out, "Seccomp:\t2\n");
    CONTAINS(out, "\n33\n");
    assert_int_equal(exit_code(h), 0);
    release(h);
}

static void seccomp_for_a_plain_user(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "grep -E 'Seccomp:|NoNew|CapPrm' /proc/self/status");
    json_put_str(plan_process(plan), "user", "web");
    run_filtered(h, plan);
    _cleanup_(freep) char *out = read_stream(h->out, false);
    assert_string_equal(out, "CapPrm:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n");
    assert_int_equal(exit_code(h), 0);
    release(h);
}

static void workdir_is_made_and_names_are_set(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "pwd; stat -c %a /made; hostname; cat /proc/sys/net/ipv4/ip_forward; "
                              "cat /proc/sys/kernel/domainname");
    json_put_str(plan_process(plan), "cwd", "/made/deep");
    json_put_str(plan, "domainname", "example.org");
    json_put_take(plan, "sysctls", json_pack("{s:s}", "net.ipv4.ip_forward", "1"));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    assert_string_equal(out, "/made/deep\n755\nboxed\n1\nexample.org\n");
    release(h);
}

static void limits_are_set_and_defaults_give_way(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "ulimit -n; ulimit -c; cat /proc/self/oom_score_adj");
    json_put_take(plan_process(plan), "rlimits",
                  json_pack("[{s:s,s:i,s:i,s:b},{s:s,s:i,s:i}]", "type", "nofile", "soft", 1000,
                            "hard", 2000000000, "default", 1, "type", "core", "soft", 0, "hard",
                            0));
    json_put_int(plan_process(plan), "oom_score_adj", 321);
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    assert_string_equal(out, "1000\n0\n321\n");
    release(h);
}

/* A working directory that leads out through a descriptor of the shim's is refused. */
static void working_directory_cannot_be_a_descriptor_of_the_host(void **state)
{
    struct harness *h = *state;
    for (int fd = 3; fd < 12; fd++) {
        json_t *plan = plan_sh(h, "ls; pwd");
        _cleanup_(freep) char *cwd = str_printf("/proc/self/fd/%d", fd);
        json_put_str(plan_process(plan), "cwd", cwd);
        shim_start(h);
        json_t *reply = ask(h, prepare_msg(plan));
        if (json_int(reply, "error", 0) == 0) {
            /* The new root itself is what it may reach. */
            h->out = attach(h, NULL, false, true, true);
            json_decref(ask_ok(h, msg_new("go")));
            _cleanup_(freep) char *out = read_stream(h->out, false);
            close_fd(steal_fd(&h->out));
            assert_true(str_ends(out, "tmp\n/\n"));
            exit_code(h);
            release(h);
        } else {
            shim_wait(h);
        }
        json_decref(reply);
        close_fd(steal_fd(&h->control));
        frame_reader_fini(&h->in);
        h->in = (struct frame_reader){0};
        json_array_clear(h->events);
    }
}

static void cgroup_is_joined(void **state, const char *hierarchy, int version)
{
    struct harness *h = *state;
    _cleanup_(freep) char *dir = str_printf("%s/berth-shim-test-%s", hierarchy, h->id);
    assert_int_equal(fs_mkdir_p(dir, 0755), 0);
    json_t *plan = plan_new(h, (const char *const[]){"cat", "/proc/self/cgroup", NULL});
    _cleanup_(freep) char *tasks = str_printf("%s/tasks", dir);
    json_put_take(plan, "cgroup",
                  version == 2 ? json_pack("{s:i,s:s}", "version", 2, "path", dir)
                               : json_pack("{s:i,s:[s]}", "version", 1, "join", tasks));
    _cleanup_(freep) char *out = run_output(h, plan, NULL);
    release(h);
    assert_int_equal(rmdir(dir), 0);
    CONTAINS(out, "/berth-shim-test-");
}

static void cgroup_version_1_is_joined(void **state)
{
    if (fs_exists(AT_FDCWD, "/sys/fs/cgroup/pids/tasks"))
        cgroup_is_joined(state, "/sys/fs/cgroup/pids", 1);
    else
        print_message("no cgroup hierarchy of version 1 here\n");
}

/* The first cgroup2 mount, or NULL. The caller frees. */
static char *cgroup2_mount(void)
{
    static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        _cleanup_(freep) char *probe = str_printf("%s/cgroup.controllers", places[i]);
        if (fs_exists(AT_FDCWD, probe))
            return xstrdup(places[i]);
    }
    return NULL;
}

static void cgroup_version_2_is_joined(void **state)
{
    _cleanup_(freep) char *at = cgroup2_mount();
    if (at)
        cgroup_is_joined(state, at, 2);
    else
        print_message("no cgroup hierarchy of version 2 here\n");
}

static void cgroup_version_2_is_joined_without_clone3(void **state)
{
    struct harness *h = *state;
    const int calls[] = {SYS_clone3};
    struct sock_filter f[8];
    h->limits = f;
    h->nlimits = filter_build(calls, 1, ENOSYS, f);
    cgroup_version_2_is_joined(state);
}

static void kill_for_memory_is_told(void **state)
{
    struct harness *h = *state;
    if (!fs_exists(AT_FDCWD, "/sys/fs/cgroup/memory/memory.limit_in_bytes")) {
        print_message("no memory cgroup of version 1 here\n");
        return;
    }
    _cleanup_(freep) char *dir = str_printf("/sys/fs/cgroup/memory/berth-shim-test-%s", h->id);
    assert_int_equal(fs_mkdir_p(dir, 0755), 0);
    _cleanup_(freep) char *limit = str_printf("%s/memory.limit_in_bytes", dir);
    _cleanup_(freep) char *tasks = str_printf("%s/tasks", dir);
    _cleanup_(freep) char *oom = str_printf("%s/memory.oom_control", dir);
    assert_int_equal(fs_write(AT_FDCWD, limit, "8388608", 7, 0), 0);
    json_t *plan = plan_sh(h, "exec dd if=/dev/zero of=/dev/null bs=64M count=1");
    json_put_take(plan, "cgroup", json_pack("{s:i,s:[s]}", "version", 1, "join", tasks));
    json_put_take(plan, "oom", json_pack("{s:s}", "path", oom));
    shim_start(h);
    run_plan(h, plan);
    json_decref(await_event(h, "oom"));
    json_t *e = await_event(h, "exited");
    assert_true(json_bool(json_obj(e, "exit"), "oom", false));
    assert_int_equal(json_int(json_obj(e, "exit"), "code", 0), 137);
    json_decref(e);
    release(h);
    assert_int_equal(rmdir(dir), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(plain_process_has_dockers_caps_and_clean_signals),
        T(user_by_name_gets_groups_and_loses_caps),
        T(user_by_number_need_not_be_listed),
        T(seccomp_filter_is_loaded),
        T(seccomp_and_no_new_privileges_for_a_plain_user),
        T(seccomp_for_a_plain_user),
        T(workdir_is_made_and_names_are_set),
        T(limits_are_set_and_defaults_give_way),
        T(working_directory_cannot_be_a_descriptor_of_the_host),
        T(cgroup_version_1_is_joined),
        T(cgroup_version_2_is_joined),
        T(cgroup_version_2_is_joined_without_clone3),
        T(kill_for_memory_is_told),
    };
    /* Mounts that tests make are nobody else's. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
