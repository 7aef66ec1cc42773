/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-init: what `--init` puts at pid 1
 *
 * `docker-init -- command args…`: runs the command in a process group of its own, passes every signal on to it, reaps
 * what is orphaned, and ends with the command's code (128 + signal when one killed it). Static, for the image may have no
 * libc.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *a, const char *b, const char *c)
{
    const char *parts[] = {"docker-init: ", a, b, c, "\n"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        ssize_t ignored = write(STDERR_FILENO, parts[i], strlen(parts[i]));
        (void)ignored;
    }
}

/* Signals that say what this process itself did wrong stay its own. */
static void waited_signals(sigset_t *set)
{
    static const int own[] = {SIGFPE,  SIGILL, SIGSEGV, SIGBUS, SIGABRT,
                              SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};
    sigfillset(set);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        sigdelset(set, own[i]);
}

static void run_command(char **argv, const sigset_t *before)
{
    setpgid(0, 0);
    /* The terminal goes to the command's group; the stop signal that this may bring is not for us. */
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(STDIN_FILENO, getpgrp());
    signal(SIGTTOU, SIG_DFL);
    sigprocmask(SIG_SETMASK, before, NULL);
    execvp(argv[0], argv);
    int e = errno;
    say(argv[0], ": ", strerror(e));
    _exit(e == ENOENT || e == ENOTDIR ? 127 : 126);
}

/* Reaps all that has ended. True, with its code, when the command was among it. */
static bool reap(pid_t command, int *code)
{
    int status;
    bool ended = false;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != command)
            continue;
        *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
        ended = true;
    }
    return ended;
}

int main(int argc, char **argv)
{
    sigset_t set, before;
    char **command = argv + 1;
    if (argc > 1 && strcmp(*command, "--") == 0)
        command++;
    if (argc < 2 || !*command) {
        say("usage: docker-init -- command [args]", "", "");
        return 1;
    }
    waited_signals(&set);
    sigprocmask(SIG_SETMASK, &set, &before);
    pid_t pid = fork();
    if (pid < 0) {
        say("fork: ", strerror(errno), "");
        return 1;
    }
    if (pid == 0)
        run_command(command, &before);
    for (int code = 0;;) {
        int sig = sigwaitinfo(&set, NULL);
        if (sig == SIGCHLD) {
            if (reap(pid, &code))
                return code;
        } else if (sig > 0) {
            kill(pid, sig);
        }
    }
}
