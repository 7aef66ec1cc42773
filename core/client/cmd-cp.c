/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cp
 *
 * Archives travel both ways: out of a container they are unpacked here, below the destination's descriptor, so that no link that
 * the container has put into one leads elsewhere; into it they are made here.
 */
#include <berth/host.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/base64.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "client/commands.h"
#include "client/copy-path.h"
#include "client/format.h"
#include "client/http.h"
#include "image/archive.h"

#define STAT_HEADER "X-Docker-Container-Path-Stat"
#define MODE_DIR    (1LL << 31)
#define MODE_LINK   (1LL << 27)
#define LINKS_MAX   10

struct copy {
    struct client *client;
    const char *container, *src, *dst; /* as they were given */
    bool archive, follow, quiet;
    int64_t bytes;
};

static void say_done(const struct copy *cp, const char *to)
{
    _cleanup_(freep) char *size = format_size(cp->bytes);
    if (!cp->quiet)
        fprintf(stderr, "Successfully copied %s to %s\n", size, to);
}

/* --- what a place in the container is */

static json_t *stat_decode(const char *header)
{
    struct base64_decode_ctx ctx;
    json_t *out = NULL;
    size_t n = header ? strlen(header) : 0;
    _cleanup_(freep) char *text = xmalloc(BASE64_DECODE_LENGTH(n) + 1);
    base64_decode_init(&ctx);
    if (n == 0 || !base64_decode_update(&ctx, &n, (uint8_t *)text, n, header) ||
        !base64_decode_final(&ctx) || json_parse(text, n, &out, NULL) < 0)
        return NULL;
    return out;
}

static char *archive_url(const struct copy *cp, const char *path, const char *more)
{
    _cleanup_(freep) char *name = http_escape(cp->container), *place = http_escape(path);
    return str_printf("/containers/%s/archive?%spath=%s", name, more, place);
}

/* NULL: there is nothing, or it cannot be told. */
static json_t *stat_remote(const struct copy *cp, const char *path)
{
    _cleanup_(freep) char *url = archive_url(cp, path, ""), *header = NULL;
    int r = http_stream_header(cp->client, "HEAD", url, STAT_HEADER, &header, NULL, NULL);
    err_clear(&cp->client->err);
    return r < 0 ? NULL : stat_decode(header);
}

/* --- out of a container */

/* Unpacks what comes through a socket, on a thread: who receives writes into it. */
struct unpacking {
    int ours, theirs;
    pthread_t thread;
    struct archive_target to;
    struct copy *copy;
    int code;
    struct err err;
};

static void *unpack_main(void *arg)
{
    struct unpacking *u = arg;
    u->code = archive_extract(u->theirs, &u->to, NULL, &u->err);
    char rest[4096]; /* padding behind the end is read, too */
    while (u->code == 0 && read(u->theirs, rest, sizeof(rest)) > 0)
        ;
    shutdown(u->theirs, SHUT_RD);
    return NULL;
}

static int unpack_each(void *ctx, const char *data, size_t n)
{
    struct unpacking *u = ctx;
    u->copy->bytes += (int64_t)n;
    while (n > 0) {
        ssize_t done = send(u->ours, data, n, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            return -errno; /* the thread has failed, and says why */
        if (done > 0) {
            data += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

static int stdout_each(void *ctx, const char *data, size_t n)
{
    (void)ctx;
    return fs_write_all(STDOUT_FILENO, data, n);
}

static int to_stdout(struct copy *cp, const char *path)
{
    _cleanup_(freep) char *url = archive_url(cp, path, "");
    return http_stream(cp->client, "GET", url, stdout_each, NULL);
}

/* Where links lead that stand at the destination; at its end something that is none, or is not there. The caller frees. */
static char *follow_links(char *path)
{
    for (int i = 0; i < LINKS_MAX; i++) {
        char to[PATH_MAX];
        ssize_t n = readlink(path, to, sizeof(to) - 1);
        if (n < 0)
            break;
        to[n] = '\0';
        _cleanup_(freep) char *dir = NULL, *base = NULL, *before = path;
        copy_path_split(before, &dir, &base);
        path = to[0] == '/' ? xstrdup(to) : str_printf("%s/%s", dir, to);
    }
    return path;
}

static int look_at_destination(const char *path, struct copy_end *dst, struct err *err)
{
    struct stat st;
    _cleanup_(freep) char *dir = NULL, *base = NULL;
    *dst = (struct copy_end){.path = path};
    if (stat(path, &st) == 0) {
        dst->exists = true;
        dst->is_dir = S_ISDIR(st.st_mode);
        return dst->is_dir || S_ISREG(st.st_mode)
                   ? 0
                   : err_set(err, -EINVAL,
                             "invalid output path: \"%s\" must be a directory or a regular file",
                             path);
    }
    copy_path_split(path, &dir, &base);
    if (stat(dir, &st) < 0)
        return err_set(err, -ENOENT, "invalid output path: directory \"%s\" does not exist", dir);
    return S_ISDIR(st.st_mode) ? 0 : err_set(err, -ENOTDIR, "%s: not a directory", dir);
}

/* With -L: the link's target, and its name as it was asked for. */
static void follow_source(const struct copy *cp, char **src, char **rename)
{
    json_auto_t *st = stat_remote(cp, *src);
    const char *target = json_str(st, "linkTarget", "");
    _cleanup_(freep) char *dir = NULL, *base = NULL, *asked = NULL, *name = NULL;
    if (!(json_int(st, "mode", 0) & MODE_LINK) || !*target)
        return;
    copy_path_split(*src, &dir, &asked);
    free(*src);
    *src = xstrdup(target);
    free(steal_ptr(&dir));
    copy_path_split(*src, &dir, &name);
    if (!str_eq(asked, name))
        *rename = steal_ptr(&asked);
}

/* The header is there before the first piece: what is to be done depends on it. */
struct arriving {
    struct copy *copy;
    const char *src, *rename;
    char *dst;
    char *header; /* NULL until it was looked at */
    struct unpacking unpack;
    struct copy_plan plan;
    char *from;
    bool begun;
    int code;
};

static int unpack_begin(struct arriving *a, const char *header)
{
    struct err *err = &a->copy->client->err;
    json_auto_t *st = stat_decode(header);
    _cleanup_(freep) char *dir = NULL;
    int pair[2];
    if (!st)
        return err_set(err, -EPROTO, "the daemon does not say what %s is", a->src);
    const struct copy_end src = {.path = a->src,
                                 .rename = a->rename,
                                 .exists = true,
                                 .is_dir = json_int(st, "mode", 0) & MODE_DIR};
    struct copy_end dst;
    int r = look_at_destination(a->dst, &dst, err);
    if (r == 0)
        r = copy_plan_make(&src, &dst, &a->plan, err);
    if (r < 0)
        return r;
    copy_path_split(a->src, &dir, &a->from);
    if (str_eq(a->from, ".") || str_eq(a->from, "/"))
        a->from[0] = '\0';
    struct unpacking *u = &a->unpack;
    u->to = (struct archive_target){.form = BERTH_WHITEOUT_OCI,
                                    .keep_top = true,
                                    .no_replace = true,
                                    .no_owner = !a->copy->archive || geteuid() != 0,
                                    .from = a->plan.to ? a->from : NULL,
                                    .to = a->plan.to};
    u->copy = a->copy;
    u->to.root = fs_open_dir(AT_FDCWD, a->plan.dir);
    if (u->to.root < 0)
        return err_errno(err, u->to.root, "%s", a->plan.dir);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_errno(err, -errno, "socketpair");
    u->ours = pair[0];
    u->theirs = pair[1];
    r = -pthread_create(&u->thread, NULL, unpack_main, u);
    a->begun = r == 0;
    return r < 0 ? err_errno(err, r, "making a thread") : 0;
}

static int arriving_each(void *ctx, const char *data, size_t n)
{
    struct arriving *a = ctx;
    if (!a->begun)
        a->code = unpack_begin(a, a->header);
    return a->code < 0 ? a->code : unpack_each(&a->unpack, data, n);
}

static int unpack_end(struct arriving *a, int r)
{
    struct unpacking *u = &a->unpack;
    if (!a->begun)
        return r < 0 ? r : a->code;
    shutdown(u->ours, SHUT_WR);
    pthread_join(u->thread, NULL);
    if (r == 0 && u->code < 0) {
        err_move(&a->copy->client->err, &u->err);
        r = u->code;
    }
    err_fini(&u->err);
    return r;
}

static void arriving_fini(struct arriving *a)
{
    close_fd(a->unpack.ours);
    close_fd(a->unpack.theirs);
    close_fd(a->unpack.to.root);
    copy_plan_fini(&a->plan);
    free(a->from);
    free(a->header);
    free(a->dst);
}

static int from_container(struct copy *cp)
{
    _cleanup_(freep) char *src = xstrdup(cp->src), *rename = NULL;
    if (cp->follow)
        follow_source(cp, &src, &rename);
    if (str_eq(cp->dst, "-"))
        return to_stdout(cp, src);
    _cleanup_(freep) char *shown = copy_path_absolute(cp->dst);
    if (!shown)
        return err_errno(&cp->client->err, -errno, "the working directory");
    _cleanup_(arriving_fini) struct arriving a = {.copy = cp,
                                                  .src = src,
                                                  .rename = rename,
                                                  .dst = follow_links(xstrdup(shown)),
                                                  .unpack = {.ours = -1, .theirs = -1}};
    a.unpack.to.root = -1;
    struct copy_end dst;
    int r = look_at_destination(a.dst, &dst, &cp->client->err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *url = archive_url(cp, src, "");
    r = http_stream_header(cp->client, "GET", url, STAT_HEADER, &a.header, arriving_each, &a);
    r = unpack_end(&a, r);
    if (r == 0)
        say_done(cp, shown);
    return r;
}

/* --- into a container */

struct leaving {
    struct copy *copy;
    struct archive_source what;
    http_put_fn *put;
    void *put_ctx;
};

static int count_and_put(void *ctx, const void *data, size_t n, struct err *err)
{
    struct leaving *l = ctx;
    l->copy->bytes += (int64_t)n;
    return l->put(l->put_ctx, data, n, err);
}

static int produce_archive(void *ctx, http_put_fn *put, void *put_ctx, struct err *err)
{
    struct leaving *l = ctx;
    l->put = put;
    l->put_ctx = put_ctx;
    return archive_write(&l->what, count_and_put, l, err);
}

static int produce_stdin(void *ctx, http_put_fn *put, void *put_ctx, struct err *err)
{
    struct copy *cp = ctx;
    char data[65536];
    for (;;) {
        ssize_t n = read(STDIN_FILENO, data, sizeof(data));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? err_errno(err, -errno, "reading stdin") : 0;
        cp->bytes += n;
        int r = put(put_ctx, data, (size_t)n, err);
        if (r < 0)
            return r;
    }
}

/* The destination, with a link that it is followed; *path is the caller's. */
static void look_at_remote(const struct copy *cp, struct copy_end *dst, char **path)
{
    *path = xstrdup(cp->dst);
    json_auto_t *st = stat_remote(cp, *path);
    if (json_int(st, "mode", 0) & MODE_LINK) {
        free(*path);
        *path = xstrdup(json_str(st, "linkTarget", "/"));
        json_decref(st);
        st = stat_remote(cp, *path);
    }
    *dst = (struct copy_end){
        .path = *path, .exists = st != NULL, .is_dir = json_int(st, "mode", 0) & MODE_DIR};
}

static int put(struct copy *cp, const char *dir,
               int (*produce)(void *ctx, http_put_fn *put, void *put_ctx, struct err *err),
               void *ctx)
{
    _cleanup_(freep) char *more =
        str_printf("noOverwriteDirNonDir=true%s&", cp->archive ? "&copyUIDGID=true" : "");
    _cleanup_(freep) char *url = archive_url(cp, dir, more);
    return http_put(cp->client, url, produce, ctx);
}

static int send_stdin(struct copy *cp, const struct copy_end *dst)
{
    if (!dst->is_dir)
        return err_set(&cp->client->err, -EINVAL, "destination \"%s:%s\" must be a directory",
                       cp->container, cp->dst);
    return put(cp, dst->path, produce_stdin, cp);
}

/* Opened without touching it: what is read is opened again by who packs. */
static int open_source(const struct copy *cp, const char *path, struct stat *st, struct err *err)
{
    bool follow = cp->follow || copy_path_is_dir(path);
    int fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0 || fstat(fd, st) < 0) {
        int r = err_errno(err, -errno, "%s", path);
        close_fd(fd);
        return r;
    }
    return fd;
}

static int send_source(struct copy *cp, const struct copy_end *dst)
{
    struct err *err = &cp->client->err;
    struct stat st;
    _cleanup_(freep) char *path = copy_path_absolute(cp->src), *dir = NULL, *base = NULL;
    if (!path)
        return err_errno(err, -errno, "the working directory");
    _cleanup_(closep) int fd = open_source(cp, path, &st, err);
    if (fd < 0)
        return fd;
    copy_path_split(path, &dir, &base);
    const struct copy_end src = {.path = path, .exists = true, .is_dir = S_ISDIR(st.st_mode)};
    _cleanup_(copy_plan_fini) struct copy_plan plan;
    int r = copy_plan_make(&src, dst, &plan, err);
    if (r < 0)
        return r;
    struct leaving l = {.copy = cp,
                        .what = {.fd = fd,
                                 .name = plan.to ? plan.to
                                         : *base ? base
                                                 : "/",
                                 .form = BERTH_WHITEOUT_OCI}};
    return put(cp, plan.dir, produce_archive, &l);
}

static int to_container(struct copy *cp)
{
    struct copy_end dst;
    _cleanup_(freep) char *path = NULL;
    look_at_remote(cp, &dst, &path);
    int r = str_eq(cp->src, "-") ? send_stdin(cp, &dst) : send_source(cp, &dst);
    _cleanup_(freep) char *shown = str_printf("%s:%s", cp->container, path);
    if (r == 0)
        say_done(cp, shown);
    return r;
}

/* --- the command */

static int cp_run(struct client *c, const struct args *a)
{
    _cleanup_(freep) char *from = NULL, *src = NULL, *to = NULL, *dst = NULL;
    copy_arg_split(a->rest.v[0], &from, &src);
    copy_arg_split(a->rest.v[1], &to, &dst);
    struct copy cp = {.client = c,
                      .container = from ? from : to,
                      .src = src,
                      .dst = dst,
                      .archive = args_bool(a, "archive"),
                      .follow = args_bool(a, "follow-link"),
                      .quiet = args_bool(a, "quiet")};
    if (from && to)
        return err_set(&c->err, -EINVAL, "copying between containers is not supported");
    if (!from && !to)
        return err_set(&c->err, -EINVAL, "must specify at least one container source");
    return from ? from_container(&cp) : to_container(&cp);
}

static int cp_main(struct client *c, const struct args *a)
{
    return cp_run(c, a) < 0 ? cli_fail(c, 1) : 0;
}

static const struct flag cp_flags[] = {
    {"archive", 'a', FLAG_BOOL, "", "Archive mode (copy all uid/gid information)"},
    {"follow-link", 'L', FLAG_BOOL, "", "Always follow symbol link in SRC_PATH"},
    {"quiet", 'q', FLAG_BOOL, "", "Suppress the line that says what was copied"},
    {NULL},
};

const struct cli_command command_cp = {
    .group = "container",
    .name = "cp",
    .top = "cp",
    .usage = "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH",
    .summary = "Copy files/folders between a container and the local filesystem",
    .min = 2,
    .max = 2,
    .about = "A source that ends in /. stands for what the directory holds. - is a tar on stdin, "
             "or to stdout.\n",
    .examples = "    berth cp web:/etc/nginx .\n"
                "    berth cp site/. web:/var/www\n"
                "    tar c site | berth cp - web:/var/www\n",
    .flags = cp_flags,
    .first = COMPLETE_CONTAINER_PATH,
    .rest = COMPLETE_CONTAINER_PATH,
    .run = cp_main};
