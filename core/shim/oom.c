/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Out of memory
 *
 * The memory cgroup counts what the kernel killed in it: `oom_kill` in memory.events (version 2) or in
 * memory.oom_control (version 1). A change is noticed through inotify or an eventfd; at the exit the counter is read
 * once more, for the notice may still be on its way.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "shim/conn.h"
#include "shim/shim.h"

#define COUNTER "oom_kill "

struct oom {
    struct shim *shim;
    int file, notice;
    struct loop_io *watch;
    int64_t first, last;
};

static int64_t count(struct oom *o)
{
    char text[4096];
    ssize_t n = pread(o->file, text, sizeof(text) - 1, 0);
    if (n <= 0)
        return o->last; /* the cgroup is gone */
    text[n] = '\0';
    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        const char *value = str_after(line, COUNTER);
        int64_t v;
        if (value && parse_i64(value, 0, INT64_MAX, &v) == 0)
            return v;
    }
    return 0;
}

static void check(struct oom *o)
{
    int64_t now = count(o);
    if (now <= o->last)
        return;
    o->last = now;
    json_t *event = json_object();
    json_put_str(event, "type", "oom");
    conn_broadcast(o->shim, event);
}

static void on_notice(void *arg, uint32_t events)
{
    struct oom *o = arg;
    char space[4096];
    ssize_t ignored = read(o->notice, space, sizeof(space));
    (void)ignored;
    check(o);
}

/* Version 1: an eventfd registered in the cgroup's cgroup.event_control. */
static int notice_v1(struct oom *o, const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_(freep) char *control =
        str_printf("%.*s/cgroup.event_control", (int)(slash - path), path);
    _cleanup_(closep) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    _cleanup_(freep) char *line = str_printf("%d %d", fd, o->file);
    int r = fs_write(AT_FDCWD, control, line, strlen(line), 0);
    return r < 0 ? r : steal_fd(&fd);
}

static int notice_v2(const char *path)
{
    _cleanup_(closep) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
        return -errno;
    return steal_fd(&fd);
}

struct oom *oom_open(struct shim *s, const char *path)
{
    struct oom *o = xcalloc(1, sizeof(*o));
    *o = (struct oom){.shim = s, .notice = -1};
    o->file = open(path, O_RDONLY | O_CLOEXEC);
    if (o->file < 0) {
        log_warn("container %s: %s: errno %d: kills by the kernel will not be seen", s->id, path,
                 errno);
        free(o);
        return NULL;
    }
    o->first = o->last = count(o);
    o->notice = str_ends(path, ".oom_control") ? notice_v1(o, path) : notice_v2(path);
    if (o->notice >= 0)
        o->watch = loop_io_add(s->loop, o->notice, EPOLLIN, on_notice, o);
    return o;
}

bool oom_happened(struct oom *o)
{
    if (!o)
        return false;
    check(o);
    return o->last > o->first;
}

int64_t oom_first(const struct oom *o)
{
    return o ? o->first : 0;
}

void oom_set_first(struct oom *o, int64_t first)
{
    if (o)
        o->first = first;
}

void oom_free(struct oom *o)
{
    if (!o)
        return;
    if (o->watch)
        loop_io_del(o->watch);
    close_fd(o->notice);
    close_fd(o->file);
    free(o);
}
