/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening a data_root: lock, instance, database; recovery
 */
#include "state/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/clock.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/log.h"
#include "base/str.h"
#include "state/container.h"
#include "state/db.h"

#define DB_NAME "berth.db"

struct state {
    char *data_root;
    int root_fd, lock_fd;
    char instance[9];
    struct db *db;
    void (*changed)(void *ctx, const char *id);
    void *changed_ctx;
};

struct db *state_db(struct state *s)
{
    return s->db;
}

void state_container_watch(struct state *s, void (*fn)(void *ctx, const char *id), void *ctx)
{
    s->changed = fn;
    s->changed_ctx = ctx;
}

void state_container_changed(struct state *s, const char *id)
{
    if (s->changed)
        s->changed(s->changed_ctx, id);
}

const char *state_instance(const struct state *s)
{
    return s->instance;
}

const char *state_data_root(const struct state *s)
{
    return s->data_root;
}

void state_close(struct state *s)
{
    if (!s)
        return;
    db_close(s->db);
    close_fd(s->lock_fd);
    close_fd(s->root_fd);
    free(s->data_root);
    free(s);
}

static int owner_error(const struct state *s, struct err *err)
{
    _cleanup_(freep) char *owner = NULL;
    fs_read_fd(s->lock_fd, 32, &owner, NULL);
    const char *pid = owner ? str_trim(owner) : "";
    return err_set(err, -EBUSY, "%s is in use by another berthd (pid %s)", s->data_root,
                   *pid ? pid : "unknown");
}

/* The lock belongs to the open file: it goes with the process, however that ends. */
static int take_lock(struct state *s, struct err *err)
{
    s->lock_fd = openat(s->root_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0)
        return err_errno(err, -errno, "opening %s/lock", s->data_root);
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? owner_error(s, err)
                                    : err_errno(err, -errno, "locking %s/lock", s->data_root);
    _cleanup_(freep) char *pid = str_printf("%d\n", getpid());
    int r = ftruncate(s->lock_fd, 0) < 0 ? -errno : fs_write_all(s->lock_fd, pid, strlen(pid));
    return r < 0 ? err_errno(err, r, "writing %s/lock", s->data_root) : 0;
}

static int open_root(const char *data_root, struct state **out, struct err *err)
{
    _cleanup_(state_closep) struct state *s = xcalloc(1, sizeof(*s));
    s->root_fd = s->lock_fd = -1;
    s->data_root = xstrdup(data_root);
    int r = fs_mkdir_p(data_root, 0710);
    if (r < 0)
        return err_errno(err, r, "making data_root %s", data_root);
    s->root_fd = fs_open_dir(AT_FDCWD, data_root);
    if (s->root_fd < 0)
        return err_errno(err, s->root_fd, "opening data_root %s", data_root);
    r = take_lock(s, err);
    if (r < 0)
        return r;
    *out = steal_ptr(&s);
    return 0;
}

/* Anything at all below `path`, `depth` directories down? */
static bool has_entries(int dirfd, const char *path, int depth)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP;
    _cleanup_(closedirp) DIR *d = fdopendir(fd);
    if (!d) {
        close_fd(fd);
        return false;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
            continue;
        if (depth == 1 || has_entries(fd, e->d_name, depth - 1))
            return true;
    }
    return false;
}

static bool has_data(int root_fd)
{
    return has_entries(root_fd, "blobs", 2) || has_entries(root_fd, "storage", 2) ||
           has_entries(root_fd, "volumes", 1) || has_entries(root_fd, "containers", 1);
}

static int refuse(struct state *s, struct err *err)
{
    err_wrap(err, "%s/" DB_NAME, s->data_root);
    _cleanup_(freep) char *words = xstrdup(err_msg(err));
    return err_set(err, -EUCLEAN,
                   "%s; `berthd --recover` moves it aside and makes a new one from what is there",
                   words);
}

static int check_present(struct state *s, struct err *err)
{
    struct stat st;
    if (fstatat(s->root_fd, DB_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISREG(st.st_mode))
            return err_set(err, -EINVAL, "%s/" DB_NAME " is not a regular file", s->data_root);
        if (st.st_size > 0)
            return 0;
    } else if (errno != ENOENT) {
        return err_errno(err, -errno, "%s/" DB_NAME, s->data_root);
    }
    if (!has_data(s->root_fd))
        return 0;
    err_set(err, -EUCLEAN, "the database is missing, but there are images, volumes or containers");
    return refuse(s, err);
}

static int open_db(struct state *s, struct err *err)
{
    struct err why = {0};
    _cleanup_(freep) char *path = str_printf("%s/" DB_NAME, s->data_root);
    int r = db_open(path, &s->db, &why);
    if (r == -EUCLEAN)
        refuse(s, &why);
    return r < 0 ? err_move(err, &why) : 0;
}

/* The word in 8 hex digits, or NULL. */
static const char *instance_word(char *text)
{
    const char *word = text ? str_trim(text) : "";
    return strlen(word) == 8 && str_only(word, "0123456789abcdef") ? word : NULL;
}

static int write_instance(struct state *s, const char *word, struct err *err)
{
    int r = fs_write_atomic(s->root_fd, "instance", word, strlen(word), 0644, true);
    if (r < 0)
        return err_errno(err, r, "writing %s/instance", s->data_root);
    (void)failpoint("state.instance", NULL);
    return 0;
}

/* Without the file, or with one that was damaged, the database knows. Where neither does, things on the host may bear a name that is
 * lost, so a damaged file is not simply replaced. */
static int restore_instance(struct state *s, bool damaged, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    int r = state_meta_get(s, "instance", &text, NULL);
    if (r < 0 && r != -ENOENT)
        return err_set(err, r, "%s: the instance's name cannot be read from the database",
                       s->data_root);
    const char *word = instance_word(text);
    if (!word && damaged)
        return err_set(
            err, -EINVAL,
            "%s/instance does not hold 8 hex digits, and the database does not know them "
            "either: write there what berthd's links and tables on this host are called "
            "(inet berth-XXXXXXXX), or remove the file",
            s->data_root);
    if (word && damaged)
        log_warn("%s/instance was damaged: it is %s again", s->data_root, word);
    if (word)
        memcpy(s->instance, word, 9);
    else
        id_random_hex(s->instance, 4);
    return write_instance(s, s->instance, err);
}

/* The instance stands in a file for people and scripts, and in the database should the file go. */
static int read_instance(struct state *s, struct err *err)
{
    _cleanup_(freep) char *text = NULL;
    int r = fs_read(s->root_fd, "instance", 64, &text, NULL);
    if (r < 0 && r != -ENOENT && r != -EFBIG)
        return err_errno(err, r, "reading %s/instance", s->data_root);
    const char *word = r == 0 ? instance_word(text) : NULL;
    if (word)
        memcpy(s->instance, word, 9);
    else
        r = restore_instance(s, r != -ENOENT, err);
    return r < 0 ? r : state_meta_set(s, "instance", s->instance, err);
}

int state_open(const char *data_root, struct state **out, struct err *err)
{
    _cleanup_(state_closep) struct state *s = NULL;
    int r = open_root(data_root, &s, err);
    if (r < 0 || (r = check_present(s, err)) < 0 || (r = open_db(s, err)) < 0 ||
        (r = read_instance(s, err)) < 0)
        return r;
    *out = steal_ptr(&s);
    return 0;
}

static int move_aside(struct state *s, const char *suffix, const char *stamp, struct err *err)
{
    _cleanup_(freep) char *from = str_printf(DB_NAME "%s", suffix);
    _cleanup_(freep) char *to = str_printf(DB_NAME ".bad-%s%s", stamp, suffix);
    if (renameat(s->root_fd, from, s->root_fd, to) < 0 && errno != ENOENT)
        return err_errno(err, -errno, "moving %s/%s aside", s->data_root, from);
    return 0;
}

int state_recover(const char *data_root, struct err *err)
{
    _cleanup_(state_closep) struct state *s = NULL;
    int r = open_root(data_root, &s, err);
    if (r < 0)
        return r;
    char stamp[TIME_RFC3339_MAX];
    time_format(time_now_ns(), stamp);
    if ((r = move_aside(s, "", stamp, err)) < 0 || (r = move_aside(s, "-wal", stamp, err)) < 0 ||
        (r = move_aside(s, "-shm", stamp, err)) < 0)
        return r;
    (void)failpoint("recover.aside", NULL);
    log_info("recovery: the database of %s is now " DB_NAME ".bad-%s", data_root, stamp);
    _cleanup_(freep) char *path = str_printf("%s/" DB_NAME, data_root);
    r = db_open(path, &s->db, err);
    return r < 0 ? r : state_meta_set(s, STATE_RECOVERY, "begun", err);
}
