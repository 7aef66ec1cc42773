/* SPDX-License-Identifier: Apache-2.0 */
/* The plan's parser: every member in every wrong form is refused or taken, never more. */
#include "harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "shim/plan.h"

static json_t *const *wrong_values(void)
{
    static json_t *values[8];
    if (!values[0]) {
        values[0] = json_integer(-1);
        values[1] = json_integer(INT64_MAX);
        values[2] = json_string("");
        values[3] = json_string("/no/where");
        values[4] = json_array();
        values[5] = json_object();
        values[6] = json_true();
        values[7] = json_pack("[n,[],{},i]", 3);
    }
    return values;
}

static json_t *whole_plan(struct harness *h)
{
    json_t *plan = plan_sh(h, "true");
    plan_mount(plan, json_pack("{s:s,s:s,s:[s],s:s}", "target", "/d", "bind", "/tmp", "flags", "ro",
                               "propagation", "rslave"));
    json_put_take(plan, "fds", json_pack("[s]", "seccomp"));
    json_put_take(plan, "sysctls", json_pack("{s:s}", "net.ipv4.ip_forward", "1"));
    json_put_take(plan, "cgroup", json_pack("{s:i,s:[s]}", "version", 1, "join", "/x/tasks"));
    json_put_take(plan, "oom", json_pack("{s:s}", "path", "/x/memory.events"));
    json_put_take(plan, "log", json_pack("{s:s,s:s}", "driver", "d", "path", "/x.so"));
    json_put_take(plan_process(plan), "rlimits",
                  json_pack("[{s:s,s:i,s:i}]", "type", "nofile", "soft", 1, "hard", 2));
    json_put_take(plan_process(plan), "groups", json_pack("[s]", "audio"));
    return plan;
}

static int parse(json_t *plan)
{
    _cleanup_(err_fini) struct err why = {0};
    _cleanup_(plan_freep) struct plan *p = NULL;
    int fd = dup(STDIN_FILENO), r = plan_parse(plan, &fd, 1, &p, &why);
    close_fd(fd);
    if (r < 0)
        assert_true(strlen(err_msg(&why)) > 10);
    return r;
}

/* Replaces each member below `at` by each wrong value in turn, and leaves it out. */
static size_t mutate(json_t *plan, json_t *at)
{
    size_t tried = 0, i;
    const char *key;
    json_t *v;
    void *next;
    json_object_foreach_safe(at, next, key, v)
    {
        json_t *kept = json_incref(v);
        tried += mutate(plan, kept);
        for (i = 0; i < 8; i++, tried++) {
            json_object_set(at, key, wrong_values()[i]);
            parse(plan);
        }
        json_object_set_new(at, key, kept);
    }
    json_array_foreach (at, i, v) {
        json_t *kept = json_incref(v);
        tried += mutate(plan, kept);
        for (size_t k = 0; k < 8; k++, tried++) {
            json_array_set(at, i, wrong_values()[k]);
            parse(plan);
        }
        json_array_set_new(at, i, kept);
    }
    return tried;
}

static void any_member_may_be_wrong(void **state)
{
    json_t *plan = whole_plan(*state);
    json_object_del(plan, "fds");
    assert_int_equal(parse(plan), 0);
    assert_true(mutate(plan, plan) > 1000);
    assert_int_equal(parse(plan), 0);
    json_decref(plan);
    for (int i = 0; i < 8; i++)
        json_decref(wrong_values()[i]);
}

static void refused(json_t *plan, const char *words)
{
    _cleanup_(err_fini) struct err why = {0};
    _cleanup_(plan_freep) struct plan *p = NULL;
    assert_int_equal(plan_parse(plan, NULL, 0, &p, &why), -EINVAL);
    if (!strstr(err_msg(&why), words))
        fail_msg("\"%s\" does not say \"%s\"", err_msg(&why), words);
    json_decref(plan);
}

static void what_is_wrong_is_named(void **state)
{
    struct harness *h = *state;
    json_t *plan = plan_sh(h, "true");
    json_put_bool(plan_process(plan), "seccomp", true);
    refused(plan, "no descriptor \"seccomp\" came");
    plan = plan_sh(h, "true");
    json_put_take(json_obj(plan, "namespaces"), "net", json_pack("{s:s}", "fd", "netns"));
    refused(plan, "no descriptor \"netns\" came");
    plan = plan_sh(h, "true");
    json_put_take(plan_process(plan), "args", json_array());
    refused(plan, "plan.process.args: no command specified");
    plan = plan_sh(h, "true");
    json_put_str(plan_process(plan), "cwd", "here");
    refused(plan, "plan.process.cwd: \"here\" is no absolute path");
    plan = plan_sh(h, "true");
    json_put_take(plan, "sysctls", json_pack("{s:s}", "../../etc/x", "1"));
    refused(plan, "plan.sysctls: \"../../etc/x\"");
    plan = plan_sh(h, "true");
    plan_mount(plan, json_pack("{s:s,s:s}", "target", "/x", "source", "tmpfs"));
    refused(plan, "needs \"filesystem\" or \"bind\"");
}

static void the_offset_of_the_seccomp_program_is_nobodys(void **state)
{
    struct harness *h = *state;
    _cleanup_(err_fini) struct err why = {0};
    _cleanup_(plan_freep) struct plan *p = NULL;
    json_auto_t *plan = plan_sh(h, "true");
    const struct sock_filter program[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    _cleanup_(closep) int fd = memfd_create("program", MFD_CLOEXEC);
    assert_int_equal(write(fd, program, sizeof(program)), sizeof(program));
    json_put_take(plan, "fds", json_pack("[s]", "seccomp"));
    json_put_bool(plan_process(plan), "seccomp", true);
    int copy = dup(fd); /* as other shims have one */
    assert_int_equal(lseek(fd, 8, SEEK_SET), 8);
    assert_int_equal(plan_parse(plan, &copy, 1, &p, &why), 0);
    assert_int_equal(p->nseccomp, 2);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 8);
}

#define T(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(any_member_may_be_wrong),
        T(the_offset_of_the_seccomp_program_is_nobodys),
        T(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
