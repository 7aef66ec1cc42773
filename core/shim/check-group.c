/* SPDX-License-Identifier: Apache-2.0 */
/* The control group of a health check: made, killed, emptied. */
#include "shim/check-group.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

#define NAME      "berth-check"
#define PROCS_MAX (16u << 20)
#define ROUNDS    16 /* of moving what forks meanwhile */
#define DEPTH     64
#define KIDS_MAX  65536

void check_group_init(struct check_group *g, const struct plan *p)
{
    static const char *const liked[] = {"/freezer/", "/pids/"};
    *g = (struct check_group){.at = -1};
    if (p->cgroup_path)
        g->parent = xstrdup(p->cgroup_path);
    for (size_t k = 0; k < ARRAY_SIZE(liked) && !g->parent; k++)
        for (size_t i = 0; i < p->ncgroup_join && !g->parent; i++) {
            const char *path = p->cgroup_join[i], *slash = strrchr(path, '/');
            if (!strstr(path, liked[k]) || !slash)
                continue;
            g->parent = xstrndup(path, (size_t)(slash - path));
            g->member = i;
        }
    if (g->parent)
        g->dir = str_printf("%s/" NAME, g->parent);
}

void check_group_fini(struct check_group *g)
{
    for (size_t i = 0; i < g->njoin; i++)
        close_fd(g->join[i]);
    close_fd(g->at);
    free(g->dir);
    free(g->parent);
    *g = (struct check_group){.at = -1};
}

/* Version 1: the container's groups, but for the one that is the check's own. */
static bool open_joins(struct check_group *g, const struct plan *p)
{
    _cleanup_(freep) char *own = str_printf("%s/tasks", g->dir);
    for (size_t i = 0; i < p->ncgroup_join && i < CHECK_JOIN_MAX; i++) {
        int fd = open(i == g->member ? own : p->cgroup_join[i], O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            return false;
        g->join[g->njoin++] = fd;
    }
    return true;
}

bool check_group_make(struct check_group *g, const struct plan *p)
{
    if (!g->dir || (mkdir(g->dir, 0755) < 0 && errno != EEXIST))
        return false;
    if (!p->cgroup_path)
        return open_joins(g, p);
    g->at = open(g->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return g->at >= 0;
}

static bool put(const char *dir, const char *file, const char *text)
{
    _cleanup_(freep) char *path = str_printf("%s/%s", dir, file);
    _cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static char *procs_of(const char *dir)
{
    _cleanup_(freep) char *path = str_printf("%s/cgroup.procs", dir);
    char *text = NULL;
    return fs_read(AT_FDCWD, path, PROCS_MAX, &text, NULL) < 0 ? NULL : text;
}

/* Calls fn for each pid of a list of lines; how many there were. */
static size_t each_pid(char *list, const char *seps, void (*fn)(pid_t pid, void *arg), void *arg)
{
    size_t n = 0;
    int64_t pid;
    for (char *save = NULL, *w = strtok_r(list, seps, &save); w; w = strtok_r(NULL, seps, &save)) {
        if (parse_i64(w, 1, INT32_MAX, &pid) < 0)
            continue;
        fn((pid_t)pid, arg);
        n++;
    }
    return n;
}

static void kill_one(pid_t pid, void *arg)
{
    pid_t *one = arg;
    if (kill(pid, SIGKILL) == 0)
        *one = pid;
}

/* Frozen where there is a freezer, so that nothing forks away from the list while it is gone through. Not by cgroup.kill: after one, kernels
 * with the counting form of it (6.1 of Debian among them) end at once what is cloned into the group later. */
pid_t check_group_kill(const struct check_group *g)
{
    pid_t one = 0;
    _cleanup_(freep) char *seen = g->dir ? procs_of(g->dir) : NULL;
    if (!seen || !*seen)
        return 0;
    bool frozen2 = put(g->dir, "cgroup.freeze", "1"); /* SIGKILL ends what is frozen there */
    bool frozen1 = !frozen2 && put(g->dir, "freezer.state", "FROZEN");
    _cleanup_(freep) char *list = procs_of(g->dir);
    if (list)
        each_pid(list, "\n", kill_one, &one);
    if (frozen1)
        put(g->dir, "freezer.state", "THAWED");
    if (frozen2)
        put(g->dir, "cgroup.freeze", "0");
    return one;
}

static void move_one(pid_t pid, void *arg)
{
    char text[24];
    const struct check_group *g = arg;
    snprintf(text, sizeof(text), "%d", (int)pid);
    put(g->parent, "cgroup.procs", text);
}

/* The usual case, with as few calls as can be. */
static bool is_empty(const struct check_group *g)
{
    char byte;
    _cleanup_(freep) char *path = str_printf("%s/cgroup.procs", g->dir);
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 0;
}

void check_group_empty(const struct check_group *g)
{
    size_t n = g->dir && !is_empty(g) ? 1 : 0;
    for (int round = 0; round < ROUNDS && n > 0; round++) {
        _cleanup_(freep) char *list = procs_of(g->dir);
        n = list ? each_pid(list, "\n", move_one, (void *)g) : 0;
    }
}

struct tree {
    unsigned depth, n;
};

static void kill_branch(pid_t pid, void *arg)
{
    struct tree *t = arg;
    if (t->depth >= DEPTH || t->n++ >= KIDS_MAX)
        return;
    kill(pid, SIGSTOP);
    _cleanup_(freep) char *path = str_printf("/proc/%d/task/%d/children", (int)pid, (int)pid);
    _cleanup_(freep) char *list = NULL;
    t->depth++;
    if (fs_read(AT_FDCWD, path, PROCS_MAX, &list, NULL) == 0)
        each_pid(list, " ", kill_branch, t);
    t->depth--;
    kill(pid, SIGKILL);
}

void check_tree_kill(pid_t pid)
{
    struct tree t = {0};
    if (pid > 0)
        kill_branch(pid, &t);
}
