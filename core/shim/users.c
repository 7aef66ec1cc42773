/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the program runs as
 *
 * "user", "user:group", numbers or names, resolved in the container's own /etc/passwd and /etc/group as Docker does
 * (moby/sys/user, GetExecUser): a number need not be listed, a name must be.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/str.h"
#include "shim/task.h"

#define FILE_MAX   (4u << 20)
#define ID_LAST    2147483647
#define FIELDS_MAX 8

/* The file's text, "" when it is not there. The caller frees. */
static int read_list(int root, const char *path, char **out, struct err *err)
{
    struct stat st;
    _cleanup_(closep) int fd = fs_open_in_root(root, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
    if (fd == -ENOENT || fd == -ENOTDIR) {
        *out = xstrdup("");
        return 0;
    }
    if (fd < 0)
        return err_errno(err, fd, "opening the container's %s", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "the container's %s is no regular file", path);
    int r = fs_read_fd(fd, FILE_MAX, out, NULL);
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

static int add_group(struct identity *who, int64_t gid, struct err *err)
{
    for (uint32_t i = 0; i < who->ngroups; i++)
        if (who->groups[i] == (gid_t)gid)
            return 0;
    if (who->ngroups == IDENTITY_GROUPS)
        return err_set(err, -E2BIG, "more than %d supplementary groups", IDENTITY_GROUPS);
    who->groups[who->ngroups++] = (gid_t)gid;
    return 0;
}

static int set_home(struct identity *who, const char *home, struct err *err)
{
    int n = snprintf(who->home, sizeof(who->home), "HOME=%s", str_empty(home) ? "/" : home);
    return n < 0 || (size_t)n >= sizeof(who->home)
               ? err_set(err, -ENAMETOOLONG, "the home directory in /etc/passwd is too long")
               : 0;
}

/* Finds the user; *name gets the entry's (the caller frees), or stays NULL. */
static int find_user(int root, const char *user, struct identity *who, char **name, struct err *err)
{
    char *field[FIELDS_MAX], *text = NULL;
    int r = read_list(root, "/etc/passwd", &text, err);
    _cleanup_(freep) char *owned = text;
    if (r < 0)
        return r;
    int64_t want = 0, uid, gid;
    bool numeric = str_empty(user) || number(user, &want);
    for (size_t n; (n = next_entry(&text, field)) > 0;) {
        if (n < 4 || !number(field[2], &uid) || !number(field[3], &gid))
            continue;
        if (numeric ? uid != want : strcmp(field[0], user) != 0)
            continue;
        if (check_range(uid, err) < 0 || check_range(gid, err) < 0)
            return -ERANGE;
        who->uid = (uid_t)uid;
        who->gid = (gid_t)gid;
        *name = xstrdup(field[0]);
        return set_home(who, n > 5 ? field[5] : NULL, err);
    }
    if (!numeric)
        return err_set(err, -ENOENT, "unable to find user %s: no matching entries in passwd file",
                       user);
    if (check_range(want, err) < 0)
        return -ERANGE;
    who->uid = (uid_t)want;
    who->gid = 0;
    return set_home(who, NULL, err);
}

static bool has_member(char *list, const char *name)
{
    for (char *m; (m = strsep(&list, ",")) != NULL;)
        if (strcmp(m, name) == 0)
            return true;
    return false;
}

/* One group by name or number; a number need not be listed. */
static int find_group(const char *list, const char *group, int64_t *out, struct err *err)
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
            *out = gid;
            return check_range(gid, err);
        }
    }
    if (!numeric)
        return err_set(err, -ENOENT, "unable to find group %s: no matching entries in group file",
                       group);
    *out = want;
    return check_range(want, err);
}

/* The groups that list the user as a member. */
static int add_memberships(const char *list, const char *name, struct identity *who,
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
                r = add_group(who, gid, err);
        }
    return r;
}

int identity_resolve(int root, const struct process *p, struct identity *who, struct err *err)
{
    _cleanup_(freep) char *user = xstrdup(p->user), *name = NULL, *groups = NULL;
    char *group = user;
    strsep(&group, ":");
    who->ngroups = 0;
    int r = find_user(root, user, who, &name, err);
    if (r == 0)
        r = read_list(root, "/etc/group", &groups, err);
    int64_t gid = who->gid;
    if (r == 0 && !str_empty(group))
        r = find_group(groups, group, &gid, err);
    if (r < 0)
        return r;
    who->gid = (gid_t)gid;
    /* Docker puts the primary group among the supplementary ones, so that setgid cannot shed it. */
    r = add_group(who, gid, err);
    if (r == 0 && str_empty(group) && name)
        r = add_memberships(groups, name, who, err);
    for (size_t i = 0; r == 0 && i < p->ngroups; i++) {
        r = find_group(groups, p->groups[i], &gid, err);
        if (r == 0)
            r = add_group(who, gid, err);
    }
    return r;
}
