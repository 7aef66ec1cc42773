/* SPDX-License-Identifier: Apache-2.0 */
/* The program: found in PATH as Go's exec.LookPath does, whose words Docker's clients know. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/child.h"
#include "shim/sys.h"

/* 0, or the errno that speaks against running it. */
static int runnable(const char *file, bool *missing)
{
    struct stat st;
    *missing = stat(file, &st) < 0;
    if (*missing)
        return errno;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (access(file, X_OK) < 0)
        return errno;
    return st.st_mode & 0111 ? 0 : EACCES;
}

const char *child_find_program(struct child *c, char *buf, size_t n)
{
    const char *file = c->process->argv[0];
    size_t len = strlen(file);
    bool missing;
    if (strchr(file, '/')) {
        int e = runnable(file, &missing);
        if (e)
            child_fail(c, missing ? STAGE_STAT : STAGE_NOT_EXECUTABLE, e, file);
        return file;
    }
    for (const char *dir = c->process->path, *end; len; dir = end + 1) {
        end = strchrnul(dir, ':');
        size_t d = (size_t)(end - dir);
        if (d + len + 3 <= n) {
            memcpy(buf, d ? dir : ".", d ? d : 1);
            d += !d;
            buf[d] = '/';
            memcpy(buf + d + 1, file, len + 1);
            if (runnable(buf, &missing) == 0)
                return buf;
        }
        if (!*end)
            break;
    }
    child_fail(c, STAGE_NOT_FOUND, ENOENT, file);
}

void child_exec(struct child *c, const char *file)
{
    struct process *p = c->process;
    if (!p->has_home)
        p->envp[p->nenv] = c->shared->who.home;
    sys_cloexec_all();
    execve(file, (char *const *)p->argv, (char *const *)p->envp);
    child_fail(c, STAGE_EXEC, errno, file);
}
