/* SPDX-License-Identifier: Apache-2.0 */
/* The rule text and the nft program: at start, and when the table was lost. */
#include "network/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/str.h"
#include "network/nft.h"

#define RULES_MAX   (256u << 10)
#define WORDS_MAX   (16u << 10)
#define NFT_TIME_MS 20000

/* `text` with each `from` replaced by `to`. */
static char *replaced(const char *text, const char *from, const char *to)
{
    struct buf b = {0};
    for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
        buf_add(&b, text, (size_t)(at - text));
        buf_adds(&b, to);
    }
    buf_adds(&b, text);
    return buf_steal(&b);
}

static int nft_spawn(int in, int out, pid_t *pid, struct err *err)
{
    static const char *const argv[] = {"nft", "-f", "-", NULL};
    static const char *const env[] = {"PATH=/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin", NULL};
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
    static const char *const paths[] = {"/usr/sbin/nft", "/sbin/nft", "/usr/local/sbin/nft"};
    int r = ENOENT;
    for (size_t i = 0; i < ARRAY_SIZE(paths) && r == ENOENT; i++)
        r = posix_spawn(pid, paths[i], &fa, &attr, (char *const *)argv, (char *const *)env);
    posix_spawn_file_actions_destroy(&fa);
    posix_spawnattr_destroy(&attr);
    if (r == ENOENT)
        return err_set(err, -ENOENT, "the nft program is not installed (package nftables)");
    return r ? err_errno(err, -r, "cannot start nft") : 0;
}

/* Waits for the program's end, at most NFT_TIME_MS; then it is killed. */
static int nft_wait(pid_t pid, int words, struct err *err)
{
    _cleanup_(closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    bool late = pidfd >= 0 && poll(&p, 1, NFT_TIME_MS) == 0;
    int status = 0;
    if (late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (late)
        return err_set(err, -ETIMEDOUT, "nft did not finish loading the firewall rules");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    _cleanup_(freep) char *text = NULL;
    lseek(words, 0, SEEK_SET);
    if (fs_read_fd(words, WORDS_MAX, &text, NULL) < 0)
        text = xstrdup("(too many words)");
    return err_set(err, -EIO, "nft refused the firewall rules: %s", str_trim(text));
}

static int nft_run(const char *text, struct err *err)
{
    _cleanup_(closep) int in = fs_sealed_memfd("firewall.nft", text, strlen(text), false);
    _cleanup_(closep) int words = (int)syscall(SYS_memfd_create, "nft-words", 1u /* MFD_CLOEXEC */);
    if (in < 0 || words < 0)
        return err_errno(err, in < 0 ? in : -errno, "cannot hand the firewall rules to nft");
    lseek(in, 0, SEEK_SET);
    pid_t pid;
    int r = nft_spawn(in, words, &pid, err);
    return r < 0 ? r : nft_wait(pid, words, err);
}

int rules_load(int sock, const char *table, const char *path, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    size_t n;
    int r = fs_read(AT_FDCWD, path, RULES_MAX, &text, &n);
    if (r < 0)
        return err_errno(err, r, "cannot read the firewall rules %s", path);
    char digest[DIGEST_MAX];
    digest_of(text, n, digest);
    _cleanup_(freep) char *mark = str_printf("rules_%.12s", digest_hex(digest));
    r = nft_chain_exists(sock, table, mark);
    if (r != 0)
        return r < 0 ? err_errno(err, r, "cannot look at table inet %s", table) : 0;
    _cleanup_(freep) char *named = replaced(text, "@TABLE@", table);
    _cleanup_(freep) char *whole = replaced(named, "@RULES@", mark);
    return nft_run(whole, err);
}
