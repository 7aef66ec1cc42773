/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a child's report means, in words
 *
 * exec's own failures are said as runc says them, for clients take the exit code 126 or 127 from the text.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "shim/task.h"

static const char *const stage_words[] = {
    [STAGE_CGROUP] = "joining the cgroup %s",
    [STAGE_CGROUP_NS] = "making the cgroup namespace",
    [STAGE_NETNS] = "joining the network namespace",
    [STAGE_SETNS] = "joining the container's namespaces",
    [STAGE_PRIVATE] = "making the mounts of the namespace private",
    [STAGE_ROOT_SOURCE] = "root file system %s",
    [STAGE_ROOT] = "mounting the root file system (%s)",
    [STAGE_BIND_SOURCE] = "bind source path does not exist or cannot be bound: %s",
    [STAGE_BIND_MAKE] = "error while creating mount source path '%s'",
    [STAGE_TARGET] = "making the mount point %s in the container",
    [STAGE_MOUNT] = "mounting on %s in the container",
    [STAGE_MOUNT_FLAGS] = "setting the flags of the mount on %s",
    [STAGE_DEVICE] = "making the device %s",
    [STAGE_LINK] = "making the link %s",
    [STAGE_CONSOLE] = "opening the console (%s)",
    [STAGE_SYSCTL] = "writing the sysctl %s",
    [STAGE_MASK] = "masking %s",
    [STAGE_READONLY] = "making %s read-only",
    [STAGE_HOSTNAME] = "setting the host name %s",
    [STAGE_PIVOT] = "changing to the root file system (%s)",
    [STAGE_CWD] = "chdir to cwd (\"%s\") failed",
    [STAGE_CWD_OUTSIDE] = "the working directory %s is outside of the container's root",
    [STAGE_RLIMIT] = "setting the limit %s",
    [STAGE_OOM_SCORE] = "writing oom_score_adj",
    [STAGE_APPARMOR] = "the AppArmor profile %s",
    [STAGE_STDIO] = "handing over standard input and output",
    [STAGE_CAPS] = "setting the capabilities (%s)",
    [STAGE_USER] = "becoming the user %s",
    [STAGE_SECCOMP] = "loading the seccomp filter",
};

/* As Go writes an errno. */
static char *errno_words(int errnum)
{
    char *s = xstrdup(strerror(errnum));
    if (s[0] && !isupper((unsigned char)s[1]))
        s[0] = (char)tolower((unsigned char)s[0]);
    return s;
}

static int exec_code(int errnum)
{
    return errnum == ENOENT || errnum == ENOTDIR ? 127 : 126;
}

/* The first "%s" of a sentence of ours, filled. */
static char *fill(const char *sentence, const char *path)
{
    const char *at = strstr(sentence, "%s");
    if (!at)
        return xstrdup(sentence);
    return str_printf("%.*s%s%s", (int)(at - sentence), sentence, path, at + 2);
}

static int exec_words(const struct shared *sh, struct err *err, int *exit_code)
{
    _cleanup_(freep) char *why = errno_words(sh->errnum);
    *exit_code = exec_code(sh->errnum);
    switch (sh->stage) {
    case STAGE_NOT_FOUND:
        return err_set(err, -ENOENT, "exec: \"%s\": executable file not found in $PATH", sh->path);
    case STAGE_STAT:
        return err_set(err, -sh->errnum, "exec: \"%s\": stat %s: %s", sh->path, sh->path, why);
    case STAGE_NOT_EXECUTABLE:
        return err_set(err, -sh->errnum, "exec: \"%s\": %s", sh->path, why);
    default:
        return err_set(err, -sh->errnum, "exec %s: %s", sh->path, why);
    }
}

int report_words(const struct shared *sh, struct err *err, int *exit_code)
{
    if (sh->stage >= STAGE_NOT_FOUND)
        return exec_words(sh, err, exit_code);
    *exit_code = sh->stage == STAGE_CWD ? exec_code(sh->errnum) : 128;
    _cleanup_(freep) char *why = errno_words(sh->errnum);
    _cleanup_(freep) char *what = fill(stage_words[sh->stage], sh->path);
    if (sh->stage == STAGE_BIND_SOURCE)
        return err_set(err, -sh->errnum, "%s (for %s): %s", what, sh->detail, why);
    if (sh->detail[0])
        return err_set(err, -sh->errnum, "%s: %s (%s)", what, why, sh->detail);
    return err_set(err, -sh->errnum, "%s: %s", what, why);
}
