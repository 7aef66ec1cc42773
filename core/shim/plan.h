/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan
 *
 * What berthd wants made, checked and turned into plain arrays before there is a child: between clone3 and execve
 * nothing is allocated, so everything that the child passes to the kernel stands here ready. Strings are borrowed
 * from the JSON, which the plan keeps.
 */
#pragma once

#include <jansson.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/fscontext.h"

/* A file system, a bind, other flags for what is mounted there by then, or a link, on a target inside the root. */
struct mount_op {
    const char *target;
    const char *symlink; /* the text of a link to make; nothing is mounted */
    bool remount;        /* only the flags */
    const char *source;
    const char *fstype; /* NULL: a bind of `source` */
    bool make_source;   /* of a bind: a directory where there is nothing */
    bool recursive;
    bool readonly_tree; /* "rro": what is mounted below the bind is made read-only, too */
    uint64_t attr_set, attr_clear; /* MOUNT_ATTR_* */
    unsigned long propagation;     /* MS_* with MS_REC, never 0 */
    struct mount_option *options;
    size_t noptions;
    int tree; /* the child's: the cloned bind source */
};

/* The file system of an op that has one. */
static inline struct fscontext mount_op_fs(const struct mount_op *op)
{
    return (struct fscontext){op->fstype, op->source, op->attr_set, op->options, op->noptions};
}

struct device_op {
    const char *path;
    mode_t mode; /* with its type */
    dev_t dev;
    uid_t uid;
    gid_t gid;
};

struct link_op {
    const char *target, *path;
};

struct sysctl_op {
    char *path; /* "/proc/sys/net/…" */
    const char *value;
};

struct rlimit_op {
    int resource;
    const char *name;
    struct rlimit value;
    bool by_default; /* nobody asked for it: as much of it as may be */
};

enum cap_set {
    CAPS_BOUNDING,
    CAPS_EFFECTIVE,
    CAPS_PERMITTED,
    CAPS_INHERITABLE,
    CAPS_AMBIENT,
    CAPS_N
};

/* The container's program, or an exec's. */
struct process {
    json_t *json;
    const char **argv; /* NULL-terminated */
    const char **envp; /* NULL-terminated, with ENV_SPARE free slots behind */
    size_t nenv;
    bool has_home;
    const char *path; /* PATH */
    const char *cwd, *user;
    const char **groups;
    size_t ngroups;
    bool tty, stdin_open;
    unsigned short rows, cols;
    uint64_t caps[CAPS_N];
    bool no_new_privileges, seccomp;
    struct rlimit_op *rlimits;
    size_t nrlimits;
    bool has_oom_score;
    int oom_score_adj;
    mode_t umask;
    const char *apparmor;
};
#define ENV_SPARE 1

enum ns_kind { NS_MNT, NS_PID, NS_UTS, NS_IPC, NS_NET, NS_CGROUP, NS_N };
enum ns_mode { NS_HOST, NS_NEW, NS_FD };

struct plan {
    json_t *json;
    const char *id, *name, *instance, *hostname, *domainname;
    enum ns_mode ns[NS_N];
    int netns_fd;         /* -1 unless ns[NS_NET] is NS_FD */
    struct mount_op root; /* target unused; fstype NULL: bind */
    bool readonly;
    unsigned long root_propagation; /* MS_* of the container's / */
    struct mount_op *mounts;
    size_t nmounts;
    const char **masked, **readonly_paths;
    size_t nmasked, nreadonly_paths;
    struct device_op *devices;
    size_t ndevices;
    struct link_op *links;
    size_t nlinks;
    struct sysctl_op *sysctls;
    size_t nsysctls;
    const char *cgroup_path;  /* version 2, or NULL */
    const char **cgroup_join; /* version 1: `tasks` files */
    size_t ncgroup_join;
    const char *oom_path;
    struct process process;
    struct sock_filter *seccomp;
    size_t nseccomp;
    bool stdin_once;
    const json_t *log; /* NULL: none */
};

/* Takes a reference to `json`. `fds` are those that came with it, named by its member `fds`; those that the plan
 * keeps are taken (set to -1). -EINVAL with the member's name. */
int plan_parse(json_t *json, int *fds, size_t nfds, struct plan **out, struct err *err);
void plan_free(struct plan *p);
DEFINE_CLEANUP(struct plan *, plan_free);

/* `where` names the object in errors ("process"). */
int process_parse(json_t *json, const char *where, struct process *out, struct err *err);
void process_fini(struct process *p);

/* A mount's members into `op`; plan.c's own half. */
int mount_op_parse(const json_t *json, const char *where, struct mount_op *op, struct err *err);
int root_op_parse(const json_t *json, struct mount_op *op, struct err *err);
void mount_op_fini(struct mount_op *op);
/* "private", "rslave", …: MS_* with MS_REC where the word has r; NULL gives MS_PRIVATE | MS_REC. 0: no such word. */
unsigned long propagation_parse(const char *word);

/* An array of strings as a vector that borrows; `limit` bounds it, `spare` free slots stay behind the NULL. */
int string_array(const json_t *array, const char *where, size_t limit, size_t spare,
                 const char ***out, size_t *n, struct err *err);
