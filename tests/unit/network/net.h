/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the network tests: a private host
 *
 * Every test program moves into fresh network and mount namespaces first, so that nothing of the machine's own
 * network is seen or touched. Drivers are the real ones, loaded from the build directory (BERTH_TEST_DRIVERS).
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "berth/network.h"
#include "network/netns.h"
#include "plugin/options.h"

#define INSTANCE "0a1b2c3d"

#define assert_ok(r, err)                                                                          \
    do {                                                                                           \
        if ((r) < 0)                                                                               \
            fail_msg("%s", err_msg(err));                                                          \
    } while (0)

static inline int host_enter(void **state)
{
    (void)state;
    if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
        return -1;
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    log_setup("test", LOG_WARN, false);
    signal(SIGPIPE, SIG_IGN);
    int fd = netns_create(NULL); /* lo of ours is brought up the same way */
    close_fd(fd);
    return 0;
}

extern char **environ;

/* Runs a program; its standard output (the caller's) or NULL when it failed. */
static inline char *run(const char *const *argv)
{
    int p[2];
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_adddup2(&fa, p[1], 1);
    pid_t pid;
    int r = posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&fa);
    close(p[1]);
    assert_int_equal(r, 0);
    char *out = NULL;
    fs_read_fd(p[0], 4 << 20, &out, NULL);
    close(p[0]);
    int status;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return out;
    free(out);
    return NULL;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

/* As RUN, which must work; the output is not wanted. */
#define DO(...)                                                                                    \
    do {                                                                                           \
        char *_out = RUN(__VA_ARGS__);                                                             \
        assert_non_null(_out);                                                                     \
        free(_out);                                                                                \
    } while (0)

/* Does a link of that name exist in the current namespace? */
static inline bool link_there(const char *name)
{
    _cleanup_(freep) char *path = str_printf("/proc/sys/net/ipv4/conf/%s", name);
    return fs_exists(AT_FDCWD, path);
}

static inline const struct berth_plugin *driver_load(const char *file)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", getenv("BERTH_TEST_DRIVERS"), file);
    void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!h)
        fail_msg("%s", dlerror());
    const struct berth_plugin *p = dlsym(h, "berth_plugin");
    assert_non_null(p);
    return p;
}
