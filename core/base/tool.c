/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

#define WORDS_MAX (16u << 10)
#define TEXT_MAX  (16u << 20)

static int tool_spawn(const char *const *argv, int in, int out, int words, pid_t *pid)
{
    static const char *const env[] = {"PATH=/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin", NULL};
    static const char *const folders[] = {"/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin",
                                          "/bin"};
    posix_spawn_file_actions_t fa;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&fa);
    posix_spawnattr_init(&attr);
    posix_spawn_file_actions_adddup2(&fa, in, 0);
    posix_spawn_file_actions_adddup2(&fa, out, 1);
    posix_spawn_file_actions_adddup2(&fa, words, 2);
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

/* Waits for the program's end, at most limit_ms; then it is killed. *status is what waitpid() gives. */
static int tool_wait(const char *name, pid_t pid, int limit_ms, int *status, struct err *err)
{
    _cleanup_(closep) int pidfd = pidfd_open(pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    bool late = pidfd >= 0 && poll(&p, 1, limit_ms) == 0;
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return late ? err_set(err, -ETIMEDOUT, "%s did not finish within %d s", name, limit_ms / 1000)
                : 0;
}

static bool succeeded(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* What it said about its failure. */
static char *read_words(int words)
{
    char *text = NULL;
    lseek(words, 0, SEEK_SET);
    if (fs_read_fd(words, WORDS_MAX, &text, NULL) < 0)
        text = xstrdup("(too many words)");
    return text;
}

int tool_run(const char *const *argv, const char *text, int limit_ms, struct err *err)
{
    _cleanup_(closep) int in = fs_sealed_memfd(argv[0], text, strlen(text), false);
    _cleanup_(closep) int words = memfd_create("words", MFD_CLOEXEC);
    if (in < 0 || words < 0)
        return err_errno(err, in < 0 ? in : -errno, "cannot hand its input to %s", argv[0]);
    lseek(in, 0, SEEK_SET);
    pid_t pid;
    int status = 0, r = tool_spawn(argv, in, words, words, &pid);
    if (r < 0)
        return r == -ENOENT ? r : err_errno(err, r, "cannot start %s", argv[0]);
    r = tool_wait(argv[0], pid, limit_ms, &status, err);
    if (r < 0 || succeeded(status))
        return r;
    _cleanup_(freep) char *said = read_words(words);
    return err_set(err, -EIO, "%s refused: %s", argv[0], str_trim(said));
}

/* Both go to files in memory, which a program that does not end cannot fill: their size is limited. */
static int read_into(const char *const *argv, int out, int words, int limit_ms, struct err *err)
{
    _cleanup_(closep) int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const struct rlimit size = {.rlim_cur = TEXT_MAX, .rlim_max = TEXT_MAX};
    pid_t pid;
    int status = 0, r = tool_spawn(argv, in, out, words, &pid);
    if (r < 0)
        return r == -ENOENT ? r : err_errno(err, r, "cannot start %s", argv[0]);
    (void)prlimit(pid, RLIMIT_FSIZE, &size, NULL);
    r = tool_wait(argv[0], pid, limit_ms, &status, err);
    if (r < 0 || succeeded(status))
        return r;
    _cleanup_(freep) char *said = read_words(words);
    said[strcspn(said, "\n")] = 0;
    return *said ? err_set(err, -EIO, "%s", said)
                 : err_set(err, -EIO, "%s failed without a word", argv[0]);
}

int tool_read(const char *const *argv, int limit_ms, char **text, struct err *err)
{
    _cleanup_(closep) int out = memfd_create("out", MFD_CLOEXEC);
    _cleanup_(closep) int words = memfd_create("words", MFD_CLOEXEC);
    if (out < 0 || words < 0)
        return err_errno(err, -errno, "cannot read what %s writes", argv[0]);
    int r = read_into(argv, out, words, limit_ms, err);
    if (r < 0)
        return r;
    lseek(out, 0, SEEK_SET);
    r = fs_read_fd(out, TEXT_MAX, text, NULL);
    return r < 0 ? err_errno(err, r, "reading what %s wrote", argv[0]) : 0;
}
