/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

#define WORDS_MAX (16u << 10)

static int tool_spawn(const char *const *argv, int in, int out, pid_t *pid)
{
    static const char *const env[] = {"PATH=/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin", NULL};
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/local/sbin"};
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_adddup2(&fa, in, 0);
    posix_spawn_file_actions_adddup2(&fa, out, 1);
    posix_spawn_file_actions_adddup2(&fa, out, 2);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    int r = ENOENT;
    for (size_t i = 0; i < ARRAY_SIZE(folders) && r == ENOENT; i++) {
        _cleanup_(freep) char *path = str_printf("%s/%s", folders[i], argv[0]);
        r = posix_spawn(pid, path, &fa, &attr, (char *const *)argv, (char *const *)env);
    }
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    return -r;
}

/* Waits for the program's end, at most limit_ms; then it is killed. */
static int tool_wait(const char *name, pid_t pid, int words, int limit_ms, struct err *err)
{
    _cleanup_(closep) int pidfd = pidfd_open(pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    bool late = pidfd >= 0 && poll(&p, 1, limit_ms) == 0;
    int status = 0;
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (late)
        return err_set(err, -ETIMEDOUT, "%s did not finish within %d s", name, limit_ms / 1000);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    _cleanup_(freep) char *text = NULL;
    lseek(words, 0, SEEK_SET);
    if (fs_read_fd(words, WORDS_MAX, &text, NULL) < 0)
        text = xstrdup("(too many words)");
    return err_set(err, -EIO, "%s refused: %s", name, str_trim(text));
}

int tool_run(const char *const *argv, const char *text, int limit_ms, struct err *err)
{
    _cleanup_(closep) int in = fs_sealed_memfd(argv[0], text, strlen(text), false);
    _cleanup_(closep) int words = memfd_create("words", MFD_CLOEXEC);
    if (in < 0 || words < 0)
        return err_errno(err, in < 0 ? in : -errno, "cannot hand its input to %s", argv[0]);
    lseek(in, 0, SEEK_SET);
    pid_t pid;
    int r = tool_spawn(argv, in, words, &pid);
    if (r < 0)
        return r == -ENOENT ? r : err_errno(err, r, "cannot start %s", argv[0]);
    return tool_wait(argv[0], pid, words, limit_ms, err);
}
