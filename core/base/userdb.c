/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups of a container. */
#include "base/userdb.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"

#define FILE_MAX   (4u << 20)
#define ID_LAST    2147483647
#define FIELDS_MAX 8

int userdb_read(int root, const char *path, char **out, struct err *err)
{
    struct stat st;
    _cleanup_(closep) int place = fs_open_in_root(root, path, O_PATH, 0);
    if (place == -ENOENT || place == -ENOTDIR) {
        *out = xstrdup("");
        return 0;
    }
    if (place < 0)
        return err_errno(err, place, "opening the container's %s", path);
    if (fstat(place, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "the container's %s is no regular file", path);
    char at[FD_PATH_MAX];
    _cleanup_(closep) int fd =
        open(fs_fd_path(place, at), O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int r = fd < 0 ? -errno : fs_read_fd(fd, FILE_MAX, out, NULL);
    return r < 0 ? err_errno(err, r, "reading the container's %s", path) : 0;
}

/* Cuts the next line off *text and splits it at colons, in place. 0 at the end. */
static size_t next_entry(char **text, char *field[FIELDS_MAX])
{
    while (*text && **text) {
        char *line = strsep(text, "\n");
        size_t n = 0;
        line = str_trim(line);
        if (!*line || *line == '#')
            continue;
        while (n < FIELDS_MAX && line)
            field[n++] = strsep(&line, ":");
        return n;
    }
    return 0;
}

static bool number(const char *s, int64_t *out)
{
    return parse_i64(s, INT64_MIN / 2, INT64_MAX / 2, out) == 0;
}

static int check_range(int64_t id, struct err *err)
{
    return id < 0 || id > ID_LAST
               ? err_set(err, -ERANGE, "uids and gids must be in range 0-%d", ID_LAST)
               : 0;
}

static int take_user(char *const field[FIELDS_MAX], size_t n, int64_t uid, int64_t gid,
                     struct userdb_ids *ids, char **name, char **home, struct err *err)
{
    if (check_range(uid, err) < 0 || check_range(gid, err) < 0)
        return -ERANGE;
    ids->uid = (uid_t)uid;
    ids->gid = (gid_t)gid;
    *name = xstrdup(field[0]);
    *home = n > 5 ? xstrdup(field[5]) : NULL;
    return 0;
}

int userdb_user(int root, const char *user, struct userdb_ids *ids, char **name, char **home,
                struct err *err)
{
    char *field[FIELDS_MAX], *text = NULL;
    int r = userdb_read(root, "/etc/passwd", &text, err);
    _cleanup_(freep) char *owned = text;
    if (r < 0)
        return r;
    int64_t want = 0, uid, gid;
    bool numeric = str_empty(user) || number(user, &want);
    for (size_t n; (n = next_entry(&text, field)) > 0;) {
        if (n < 4 || !number(field[2], &uid) || !number(field[3], &gid))
            continue;
        if (numeric ? uid == want : strcmp(field[0], user) == 0)
            return take_user(field, n, uid, gid, ids, name, home, err);
    }
    if (!numeric)
        return err_set(err, -ENOENT, "unable to find user %s: no matching entries in passwd file",
                       user);
    ids->uid = (uid_t)want;
    ids->gid = 0;
    return check_range(want, err);
}

static bool has_member(char *list, const char *name)
{
    for (char *m; (m = strsep(&list, ",")) != NULL;)
        if (strcmp(m, name) == 0)
            return true;
    return false;
}

int userdb_group(const char *list, const char *group, gid_t *out, struct err *err)
{
    char *field[FIELDS_MAX];
    _cleanup_(freep) char *copy = xstrdup(list);
    char *text = copy;
    int64_t want = 0, gid;
    bool numeric = number(group, &want);
    for (size_t n; (n = next_entry(&text, field)) > 0;) {
        if (n < 3 || !number(field[2], &gid))
            continue;
        if (numeric ? gid == want : strcmp(field[0], group) == 0) {
            *out = (gid_t)gid;
            return check_range(gid, err);
        }
    }
    if (!numeric)
        return err_set(err, -ENOENT, "unable to find group %s: no matching entries in group file",
                       group);
    *out = (gid_t)want;
    return check_range(want, err);
}

int userdb_memberships(const char *list, const char *name,
                       int (*each)(void *ctx, gid_t gid, struct err *err), void *ctx,
                       struct err *err)
{
    char *field[FIELDS_MAX];
    _cleanup_(freep) char *copy = xstrdup(list);
    char *text = copy;
    int64_t gid;
    int r = 0;
    for (size_t n; r == 0 && (n = next_entry(&text, field)) > 0;)
        if (n > 3 && number(field[2], &gid) && has_member(field[3], name)) {
            r = check_range(gid, err);
            if (r == 0)
                r = each(ctx, (gid_t)gid, err);
        }
    return r;
}

int userdb_lookup(int root, const char *spec, struct userdb_ids *ids, struct err *err)
{
    _cleanup_(freep) char *user = xstrdup(spec), *name = NULL, *home = NULL, *groups = NULL;
    char *group = user;
    strsep(&group, ":");
    *ids = (struct userdb_ids){0};
    int r = userdb_user(root, user, ids, &name, &home, err);
    if (r < 0 || str_empty(group))
        return r;
    r = userdb_read(root, "/etc/group", &groups, err);
    return r < 0 ? r : userdb_group(groups, group, &ids->gid, err);
}
