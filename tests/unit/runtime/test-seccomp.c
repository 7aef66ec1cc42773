/* SPDX-License-Identifier: Apache-2.0 */
/* Programs run for real: a forked child loads one and tells what the kernel answered. */
#include "unit.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "runtime/caps.h"
#include "runtime/seccomp.h"

static struct seccomp_cache *cache;

static int setup(void **state)
{
    struct err err = {0};
    int r = seccomp_cache_open(PROFILE, &cache, &err);
    if (r < 0)
        print_message("%s\n", err_msg(&err));
    return r;
}

static int teardown(void **state)
{
    seccomp_cache_close(cache);
    return 0;
}

static int load(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    struct sock_fprog prog = {
        .len = (unsigned short)(st.st_size / (off_t)sizeof(struct sock_filter)), .filter = p};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0 ? -errno : 0;
}

/* The errno (0: none) of one system call under the program; -1: loading failed, -2: killed. */
static int answer(int fd, long nr, long a, long b, long c)
{
    pid_t pid = fork();
    if (pid == 0) {
        int r = load(fd);
        if (r < 0)
            _exit(255);
        long result = syscall(nr, a, b, c, 0L, 0L, 0L);
        if (result == 0 && (nr == SYS_clone))
            _exit(0);
        _exit(result < 0 ? errno : 0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (!WIFEXITED(status))
        return -2;
    return WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

static int program(const char *profile, uint64_t caps)
{
    int fd = -1;
    struct err err = {0};
    int r = seccomp_program(cache, profile, caps, &fd, &err);
    if (r < 0)
        print_message("%s\n", err_msg(&err));
    assert_int_equal(r, 0);
    return fd;
}

static void default_profile_answers_as_dockers(void **state)
{
    _cleanup_(closep) int fd = program(NULL, caps_default());
    static const struct {
        long nr, a, b, c;
        int expected;
    } calls[] = {
        {SYS_getpid, 0, 0, 0, 0},
        {SYS_unshare, CLONE_NEWUSER, 0, 0, EPERM},
        {SYS_keyctl, 0, 0, 0, EPERM},
        {SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, EPERM},
        {SYS_clone, SIGCHLD, 0, 0, 0},
        {SYS_clone3, 0, 0, 0, ENOSYS},
        {SYS_socket, 38, 5, 0, EPERM},
        {SYS_socket, 40, 1, 0, EPERM},
        {SYS_socket, 1, 1, 0, 0},
        {SYS_personality, 0xffffffff, 0, 0, 0},
        {SYS_personality, 0x40000, 0, 0, EPERM},
        {9999, 0, 0, 0, ENOSYS},
        {467, 0, 0, 0, ENOSYS},
    };
    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        int got = answer(fd, calls[i].nr, calls[i].a, calls[i].b, calls[i].c);
        if (got != calls[i].expected)
            print_message("call %ld (%lx): %d\n", calls[i].nr, calls[i].a, got);
        assert_int_equal(got, calls[i].expected);
    }
}

static void names_libseccomp_lacks_are_allowed(void **state)
{
    _cleanup_(closep) int fd = program(NULL, caps_default());
    assert_int_not_equal(answer(fd, 462, 0, 0, 0), EPERM); /* mseal */
    assert_int_equal(answer(fd, 459, 0, 0, 0), EPERM); /* lsm_get_self_attr: CAP_SYS_ADMIN only */
    assert_int_not_equal(answer(fd, 452, -1, 0, 0), EPERM); /* fchmodat2 */
}

static void capabilities_open_what_they_open_in_docker(void **state)
{
    _cleanup_(closep) int fd = program(NULL, caps_default() | UINT64_C(1) << CAP_SYS_ADMIN);
    assert_int_equal(answer(fd, SYS_clone3, 0, 0, 0), EINVAL);
    assert_int_equal(answer(fd, SYS_unshare, 0, 0, 0), 0);
    assert_int_not_equal(answer(fd, 459, 0, 0, 0), EPERM);
}

static void conditions_of_every_kind(void **state)
{
    static const struct {
        const char *op;
        uint64_t value, two;
        long arg;
        bool match;
    } cases[] = {
        {"EQ", 0x100000002, 0, 0x100000002, true},
        {"EQ", 0x100000002, 0, 2, false},
        {"NE", 5, 0, 5, false},
        {"NE", 5, 0, 0x100000005, true},
        {"LT", 10, 0, 9, true},
        {"LT", 10, 0, 10, false},
        {"LT", 10, 0, 0x100000001, false},
        {"LE", 10, 0, 10, true},
        {"LE", 10, 0, 11, false},
        {"LE", 0x200000000, 0, 0x1ffffffff, true},
        {"GE", 10, 0, 10, true},
        {"GE", 10, 0, 9, false},
        {"GT", 10, 0, 10, false},
        {"GT", 10, 0, 0x100000000, true},
        {"MASKED_EQ", 0xf0, 0x20, 0x2f, true},
        {"MASKED_EQ", 0xf0, 0x20, 0x3f, false},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        _cleanup_(freep) char *profile = str_printf(
            "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getppid\"],"
            "\"action\":"
            "\"SCMP_ACT_ERRNO\",\"errnoRet\":77,\"args\":[{\"index\":1,\"value\":%llu,\"valueTwo\":"
            "%llu,"
            "\"op\":\"SCMP_CMP_%s\"}]}]}",
            (unsigned long long)cases[i].value, (unsigned long long)cases[i].two, cases[i].op);
        _cleanup_(closep) int fd = program(profile, 0);
        int got = answer(fd, SYS_getppid, 0, cases[i].arg, 0);
        if ((got == 77) != cases[i].match)
            print_message("%s %llx: %lx\n", cases[i].op, (unsigned long long)cases[i].value,
                          cases[i].arg);
        assert_int_equal(got, cases[i].match ? 77 : 0);
    }
}

static void bad_profiles_are_refused_in_words(void **state)
{
    static const char *const bad[] = {
        "[]",
        "{",
        "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
        "\"x\"}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"action\":\"SCMP_ACT_ALLOW\"}]}",
        "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"read\"],\"action\":"
        "\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":9,\"op\":\"SCMP_CMP_EQ\"}]}]}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        int fd = -1;
        _cleanup_(err_fini) struct err err = {0};
        assert_true(seccomp_program(cache, bad[i], 0, &fd, &err) < 0);
        assert_non_null(strstr(err_msg(&err), "seccomp profile"));
        assert_int_equal(fd, -1);
    }
}

static void what_a_container_asks_for(void **state)
{
    const char *profile;
    json_auto_t *plain = json_pack("{}");
    json_auto_t *open = json_pack("{s[s]}", "SecurityOpt", "seccomp=unconfined");
    json_auto_t *old = json_pack("{s[s]}", "SecurityOpt", "seccomp:unconfined");
    json_auto_t *own = json_pack("{s[s]}", "SecurityOpt", "seccomp={\"a\":1}");
    json_auto_t *privileged = json_pack("{sb}", "Privileged", 1);
    assert_true(seccomp_wanted(plain, &profile));
    assert_null(profile);
    assert_false(seccomp_wanted(open, &profile));
    assert_false(seccomp_wanted(old, &profile));
    assert_true(seccomp_wanted(own, &profile));
    assert_string_equal(profile, "{\"a\":1}");
    assert_false(seccomp_wanted(privileged, &profile));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_profile_answers_as_dockers),
        cmocka_unit_test(names_libseccomp_lacks_are_allowed),
        cmocka_unit_test(capabilities_open_what_they_open_in_docker),
        cmocka_unit_test(conditions_of_every_kind),
        cmocka_unit_test(bad_profiles_are_refused_in_words),
        cmocka_unit_test(what_a_container_asks_for),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
