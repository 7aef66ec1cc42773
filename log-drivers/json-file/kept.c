/* SPDX-License-Identifier: Apache-2.0 */
/* Files kept for who follows. */
#include "kept.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/util.h"

struct found {
    uint64_t number;
    bool gz;
};

struct list {
    size_t n;
    struct found *v;
};

static char *kept_name(const char *id, uint64_t number, bool gz)
{
    char *name = NULL;
    int n =
        asprintf(&name, "%s-json.log.kept-%llu%s", id, (unsigned long long)number, gz ? ".gz" : "");
    return n < 0 ? NULL : name;
}

int kept_follow(int dir)
{
    int r;
    do
        r = flock(dir, LOCK_SH); /* a writer that looks holds it for a moment */
    while (r < 0 && errno == EINTR);
    return r < 0 ? -errno : 0;
}

bool kept_is_followed(int dir)
{
    if (flock(dir, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK;
    flock(dir, LOCK_UN);
    return false;
}

static bool parse_name(const char *name, const char *id, struct found *out)
{
    size_t n = strlen(id);
    static const char middle[] = "-json.log.kept-";
    if (strncmp(name, id, n) != 0 || strncmp(name + n, middle, sizeof(middle) - 1) != 0)
        return false;
    const char *digits = name + n + sizeof(middle) - 1;
    char *end = NULL;
    if (*digits < '0' || *digits > '9')
        return false;
    errno = 0;
    out->number = strtoull(digits, &end, 10);
    out->gz = strcmp(end, ".gz") == 0;
    return errno == 0 && (!*end || out->gz);
}

static int newer_first(const void *a, const void *b)
{
    uint64_t x = ((const struct found *)a)->number, y = ((const struct found *)b)->number;
    return x < y ? 1 : x > y ? -1 : 0;
}

static int scan(int dir, const char *id, struct list *out)
{
    *out = (struct list){0};
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        closep(&fd);
        return -errno;
    }
    struct found f;
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(d));) {
        if (!parse_name(e->d_name, id, &f))
            continue;
        struct found *v = reallocarray(out->v, out->n + 1, sizeof(*v));
        if (v) {
            out->v = v;
            v[out->n++] = f;
        }
        r = v ? 0 : -ENOMEM;
    }
    closedir(d);
    if (out->n)
        qsort(out->v, out->n, sizeof(*out->v), newer_first);
    return r;
}

int kept_each(int dir, const char *id, int (*each)(void *ctx, const char *name, bool gz), void *ctx)
{
    struct list list;
    int r = scan(dir, id, &list);
    for (size_t i = 0; r == 0 && i < list.n; i++) {
        _cleanup_(freep) char *name = kept_name(id, list.v[i].number, list.v[i].gz);
        r = name ? each(ctx, name, list.v[i].gz) : -ENOMEM;
    }
    free(list.v);
    return r;
}

/* Its size, -1 when it is not there. */
static int64_t size_of(int dir, const char *name)
{
    struct stat st;
    return name && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size : -1;
}

void kept_open(struct kept *k, int dir, const char *id)
{
    struct list list;
    *k = (struct kept){0};
    if (scan(dir, id, &list) == 0 && list.n) {
        k->first = list.v[list.n - 1].number;
        k->next = list.v[0].number + 1;
        for (size_t i = 0; i < list.n; i++) {
            _cleanup_(freep) char *name = kept_name(id, list.v[i].number, list.v[i].gz);
            int64_t size = size_of(dir, name);
            k->bytes += size > 0 ? size : 0;
        }
    }
    free(list.v);
}

static void drop_first(struct kept *k, int dir, const char *id)
{
    for (int gz = 0; gz < 2; gz++) {
        _cleanup_(freep) char *name = kept_name(id, k->first, gz);
        int64_t size = size_of(dir, name);
        if (size >= 0 && unlinkat(dir, name, 0) == 0)
            k->bytes -= size;
    }
    k->first++;
}

int kept_take(struct kept *k, int dir, const char *id, const char *name, bool gz, bool link)
{
    _cleanup_(freep) char *to = kept_name(id, k->next, gz);
    int64_t size = size_of(dir, name);
    if (!to)
        return -ENOMEM;
    int r = link ? linkat(dir, name, dir, to, 0) : renameat(dir, name, dir, to);
    if (r < 0)
        return -errno;
    k->bytes += size > 0 ? size : 0;
    for (k->next++; k->bytes > KEPT_MAX_BYTES && k->next - k->first > 1; k->lost++)
        drop_first(k, dir, id);
    return 0;
}

void kept_drop(struct kept *k, int dir, const char *id)
{
    while (k->first < k->next)
        drop_first(k, dir, id);
    k->bytes = 0;
}
