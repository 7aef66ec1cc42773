/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child between clone3 and execve
 *
 * A copy of the shim with one thread, in which another thread may have held any lock: nothing here allocates, locks or
 * logs. What it needs stands in the plan; what it has to say goes into a page shared with the shim. A step that fails
 * calls child_fail() and does not return.
 */
#pragma once

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "shim/plan.h"

#define IDENTITY_GROUPS 1024
#define IDENTITY_HOME   (PATH_MAX + 8)

/* Who the program runs as; the shim resolves it in the container's own passwd and group. */
struct identity {
    uid_t uid;
    gid_t gid;
    uint32_t ngroups;
    gid_t groups[IDENTITY_GROUPS];
    char home[IDENTITY_HOME]; /* "HOME=/root" */
};

/* What failed; stage_words() has a sentence for each. */
enum stage {
    STAGE_NONE,
    STAGE_CGROUP,
    STAGE_CGROUP_NS,
    STAGE_NETNS,
    STAGE_SETNS,
    STAGE_PRIVATE,
    STAGE_ROOT_SOURCE,
    STAGE_ROOT,
    STAGE_BIND_SOURCE,
    STAGE_BIND_MAKE,
    STAGE_TARGET,
    STAGE_MOUNT,
    STAGE_MOUNT_FLAGS,
    STAGE_DEVICE,
    STAGE_LINK,
    STAGE_CONSOLE,
    STAGE_SYSCTL,
    STAGE_MASK,
    STAGE_READONLY,
    STAGE_HOSTNAME,
    STAGE_PIVOT,
    STAGE_CWD,
    STAGE_CWD_OUTSIDE,
    STAGE_RLIMIT,
    STAGE_OOM_SCORE,
    STAGE_APPARMOR,
    STAGE_STDIO,
    STAGE_CAPS,
    STAGE_USER,
    STAGE_SECCOMP,
    STAGE_NOT_FOUND, /* from here on: exec's own, with exit codes of their own */
    STAGE_STAT,
    STAGE_NOT_EXECUTABLE,
    STAGE_EXEC,
};

enum child_warning { WARN_RLIMIT = 1, WARN_OOM_SCORE = 2, WARN_SCHED = 4 };

/* MAP_SHARED between shim and child. The child writes `stage` last. */
struct shared {
    volatile uint32_t stage; /* enum stage */
    int32_t errnum;
    volatile uint32_t warnings;
    char path[PATH_MAX];
    char detail[256];
    struct identity who;
};

/* On the sync socket (SOCK_SEQPACKET), one byte a message. */
enum sync_byte {
    SYNC_ROOT = 'r',     /* child: the root stands, tell me who I am */
    SYNC_CONSOLE = 'c',  /* child: the pty's master rides on this */
    SYNC_IDENTITY = 'i', /* shim: shared->who is filled */
    SYNC_PREPARED = 'p', /* child: set up, waiting */
    SYNC_GO = 'g',       /* shim */
};

struct child {
    const struct plan *plan;
    struct process *process;
    struct shared *shared;
    bool is_exec;
    int sync;
    int stdio[3];    /* -1 each with a tty */
    int netns;       /* to join, or -1 */
    int pidfd;       /* exec: the container's init */
    int ns_flags;    /* exec: CLONE_NEW* to join */
    const int *join; /* open `tasks` or cgroup.procs files */
    size_t njoin;
    uint64_t caps_have; /* what the shim itself may give */
    int root;           /* the child's own: the new root */
    int rundir;         /* the child's own: where the root is mounted before it becomes / */
    int attr;           /* the child's own: /proc/self/attr/exec, or -1 */
    bool chdir_again;   /* the working directory was closed to root */
};

/* The child's main; never returns. */
_noreturn_ void child_run(struct child *c);
_noreturn_ void child_fail(struct child *c, enum stage stage, int errnum, const char *path);
/* As above, with words of the kernel's or ours after it. */
_noreturn_ void child_fail_detail(struct child *c, enum stage stage, int errnum, const char *path,
                                  const char *detail);
/* Sends one byte (and a descriptor unless it is -1); waits for one. Ends the child when the shim is gone. */
void child_tell(struct child *c, enum sync_byte what, int fd);
void child_await(struct child *c, enum sync_byte what);

/* rootfs.c, mounts.c: the tree. */
void child_clone_binds(struct child *c);
void child_mount_root(struct child *c);
void child_mount_all(struct child *c);
void child_restrict_paths(struct child *c);
void child_pivot(struct child *c);
/* targets.c: the target inside the root as an O_PATH descriptor, made when missing. */
int child_target(struct child *c, const char *path, bool directory, enum stage stage);
/* As `mkdir -p` inside the root; links are followed inside it, dangling ones made whole. -errno. */
int child_mkdirs(struct child *c, const char *path, mode_t mode);
/* Opens the directory that holds the last component, and says which that is. -errno. */
int child_parent(struct child *c, const char *path, const char **name);
/* devices.c, console.c */
void child_make_devices(struct child *c);
void child_open_console(struct child *c);
void child_write_sysctls(struct child *c);
/* confine.c */
void child_reset(struct child *c);
void child_limits(struct child *c);
void child_chdir(struct child *c);
void child_become(struct child *c);
void child_seal(struct child *c);
/* program.c: looks the program up (after child_become), and runs it. */
const char *child_find_program(struct child *c, char *buf, size_t n);
_noreturn_ void child_exec(struct child *c, const char *file);
