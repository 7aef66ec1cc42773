/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File systems by fsopen, and by mount(2)
 *
 * Overlay is the hard case: fsconfig takes its layers one by one, as descriptors since Linux 6.13 and as strings of at
 * most 255 bytes since 6.5; before that there is one page of text, in which colon, comma and backslash need escapes.
 * A layer whose path is too long is named by /proc/self/fd/N, which is short whatever the path.
 */
#include "base/fscontext.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fs.h"

#define FSCONFIG_STRING_MAX 255
#define MOUNT_DATA_MAX      4096
#define PATH_FDS_MAX        512
#define LAYER_KEY           "lowerdir+"

static void kernel_words(int fs, char *why, size_t n)
{
    ssize_t got = why && n ? read(fs, why, n - 1) : 0;
    if (got <= 0)
        return;
    why[got] = '\0';
    if (why[got - 1] == '\n')
        why[got - 1] = '\0';
    if (strncmp(why, "e ", 2) == 0)
        memmove(why, why + 2, strlen(why + 2) + 1);
}

static int config_path(int fs, const struct mount_option *o)
{
    char text[FD_PATH_MAX];
    _cleanup_(closep) int fd = open(o->value, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fsconfig(fs, FSCONFIG_SET_FD, o->key, NULL, fd) == 0)
        return 0;
    const char *name = strlen(o->value) <= FSCONFIG_STRING_MAX ? o->value : fs_fd_path(fd, text);
    if (fsconfig(fs, FSCONFIG_SET_STRING, o->key, name, 0) == 0)
        return 0;
    return errno == EINVAL && strcmp(o->key, LAYER_KEY) == 0 ? -ENOSYS : -errno;
}

static int config_option(int fs, const struct mount_option *o)
{
    if (o->is_path)
        return config_path(fs, o);
    if (!o->value)
        return fsconfig(fs, FSCONFIG_SET_FLAG, o->key, NULL, 0) < 0 ? -errno : 0;
    return fsconfig(fs, FSCONFIG_SET_STRING, o->key, o->value, 0) < 0 ? -errno : 0;
}

static bool has_layers(const struct fscontext *want)
{
    for (size_t i = 0; i < want->noptions; i++)
        if (strcmp(want->options[i].key, LAYER_KEY) == 0)
            return true;
    return false;
}

/* An overlay before 6.5 takes any option as it comes, and does not know lowerdir+ only now: the old way says the same. */
static int create(int fs, const struct fscontext *want)
{
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        return 0;
    return errno == EINVAL && has_layers(want) ? -ENOSYS : -errno;
}

int fscontext_mount(const struct fscontext *want, char *why, size_t n)
{
    _cleanup_(closep) int fs = fsopen(want->type, FSOPEN_CLOEXEC);
    if (fs < 0)
        return -errno;
    int r = fsconfig(fs, FSCONFIG_SET_STRING, "source", want->source, 0) < 0 ? -errno : 0;
    if (r == 0 && want->attr & MOUNT_ATTR_RDONLY)
        r = fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 ? -errno : 0;
    for (size_t i = 0; r == 0 && i < want->noptions; i++)
        r = config_option(fs, &want->options[i]);
    if (r == 0)
        r = create(fs, want);
    if (r < 0) {
        kernel_words(fs, why, n);
        return r;
    }
    int tree = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)want->attr);
    return tree < 0 ? -errno : tree;
}

/* mount(2)'s text: a buffer that remembers when it was too small, and the descriptors that its short form names. */
struct text {
    char s[MOUNT_DATA_MAX];
    size_t n;
    bool overflow;
    int fds[PATH_FDS_MAX];
    size_t nfds;
};

static void text_clear(struct text *t)
{
    for (size_t i = 0; i < t->nfds; i++)
        close(t->fds[i]);
    t->s[0] = '\0';
    t->n = t->nfds = 0;
    t->overflow = false;
}

static void add(struct text *t, const char *s, const char *escape)
{
    for (; *s; s++) {
        if (t->n + 3 > sizeof(t->s)) {
            t->overflow = true;
            return;
        }
        if (strchr(escape, *s))
            t->s[t->n++] = '\\';
        t->s[t->n++] = *s;
    }
    t->s[t->n] = '\0';
}

static int open_path(struct text *t, const char *path, char buf[FD_PATH_MAX], const char **name)
{
    if (t->nfds == PATH_FDS_MAX)
        return -E2BIG;
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    t->fds[t->nfds++] = fd;
    *name = fs_fd_path(fd, buf);
    return 0;
}

static int build_data(const struct fscontext *want, struct text *t, bool by_fd)
{
    bool lower = false;
    text_clear(t);
    for (size_t i = 0; i < want->noptions; i++) {
        const struct mount_option *o = &want->options[i];
        bool plus = strcmp(o->key, LAYER_KEY) == 0;
        char buf[FD_PATH_MAX];
        const char *value = o->value;
        int r = by_fd && o->is_path ? open_path(t, o->value, buf, &value) : 0;
        if (r < 0)
            return r;
        if (plus && lower) {
            add(t, ":", "");
        } else {
            add(t, t->n ? "," : "", "");
            add(t, plus ? "lowerdir" : o->key, "");
            add(t, value ? "=" : "", "");
        }
        lower = plus;
        if (value)
            add(t, value, plus ? "\\:," : o->is_path ? "\\," : "");
    }
    return t->overflow ? -E2BIG : 0;
}

static unsigned long mount_flags(uint64_t attr)
{
    unsigned long f = 0;
    f |= attr & MOUNT_ATTR_RDONLY ? MS_RDONLY : 0;
    f |= attr & MOUNT_ATTR_NOSUID ? MS_NOSUID : 0;
    f |= attr & MOUNT_ATTR_NODEV ? MS_NODEV : 0;
    f |= attr & MOUNT_ATTR_NOEXEC ? MS_NOEXEC : 0;
    return f;
}

static int mount_at(const struct fscontext *want, int target, struct text *t)
{
    char fd_path[FD_PATH_MAX], real[PATH_MAX];
    int r = build_data(want, t, false);
    if (r == -E2BIG)
        r = build_data(want, t, true);
    if (r < 0)
        return r;
    ssize_t n = readlink(fs_fd_path(target, fd_path), real, sizeof(real) - 1);
    if (n < 0)
        return -errno;
    real[n] = '\0';
    if (mount(want->source, fd_path, want->type, mount_flags(want->attr), t->s) < 0)
        return -errno;
    /* The descriptor still names what is covered now; the path leads to the mount. */
    int fd = open(real, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int fscontext_mount_legacy(const struct fscontext *want, int target)
{
    struct text t;
    t.nfds = 0;
    int fd = mount_at(want, target, &t);
    text_clear(&t);
    return fd;
}

/* --- mount(2) that nobody sees */

struct private_mount {
    const struct fscontext *fs;
    const char *place;
    int result;
};

static int mount_and_detach(const struct fscontext *fs, const char *place)
{
    if (unshare(CLONE_FS | CLONE_NEWNS) < 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return -errno;
    _cleanup_(closep) int target = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target < 0)
        return -errno;
    _cleanup_(closep) int at = fscontext_mount_legacy(fs, target);
    if (at < 0)
        return at;
    int tree = open_tree(at, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
    return tree < 0 ? -errno : tree;
}

static void *private_main(void *arg)
{
    struct private_mount *p = arg;
    p->result = mount_and_detach(p->fs, p->place);
    return NULL;
}

int fscontext_mount_private(const struct fscontext *fs, const char *place)
{
    struct private_mount p = {.fs = fs, .place = place};
    pthread_t thread;
    int r = pthread_create(&thread, NULL, private_main, &p);
    if (r != 0)
        return -r;
    pthread_join(thread, NULL);
    return p.result;
}
