/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server
 *
 * One instance of libmicrohttpd per listening socket, a thread per connection: handlers may block.
 * The order of the end: no new connections, then the streams (they poll closing_fd), then what is
 * in progress.
 */
#include "api/server.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "api/listen.h"
#include "api/request.h"
#include "base/log.h"
#include "base/str.h"

#define CONNECTIONS_MAX 4096
/* Filters and labels live in the URL, so no less; and the library touches all of it, so no more. */
#define CONNECTION_MEMORY (128u << 10)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define THREAD_STACK (4u << 20)
#else
#define THREAD_STACK (512u << 10)
#endif

struct server_stream {
    struct server *server;
    struct server_stream *prev, *next;
    int client; /* a copy: the HTTP library closes its own when it likes */
};

struct server {
    struct engine *engine;
    struct MHD_Daemon **daemons;
    size_t n;
    struct strv paths; /* of our unix sockets */
    int closing_fd;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct server_stream *streams; /* under lock */
    bool closing;                  /* under lock */
};

struct server *server_new(struct engine *e)
{
    int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0)
        return NULL;
    struct server *s = xcalloc(1, sizeof(*s));
    s->engine = e;
    s->closing_fd = fd;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->idle, NULL);
    return s;
}

struct engine *server_engine(const struct server *s)
{
    return s->engine;
}

int server_closing_fd(const struct server *s)
{
    return s->closing_fd;
}

int server_stream_begin(struct server *s, int client, struct server_stream **out, struct err *err)
{
    struct server_stream *x = xcalloc(1, sizeof(*x));
    *x = (struct server_stream){.server = s, .client = fcntl(client, F_DUPFD_CLOEXEC, 3)};
    pthread_mutex_lock(&s->lock);
    bool closing = s->closing;
    if (!closing) {
        x->next = s->streams;
        if (x->next)
            x->next->prev = x;
        s->streams = x;
    }
    pthread_mutex_unlock(&s->lock);
    if (!closing) {
        *out = x;
        return 0;
    }
    close_fd(x->client);
    free(x);
    return err_set(err, -ESHUTDOWN, "the daemon is ending");
}

void server_stream_end(struct server_stream *x)
{
    struct server *s = x->server;
    pthread_mutex_lock(&s->lock);
    if (x->prev)
        x->prev->next = x->next;
    else
        s->streams = x->next;
    if (x->next)
        x->next->prev = x->prev;
    if (!s->streams)
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
    close_fd(x->client);
    free(x);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_n, void **state)
{
    struct request *r = *state;
    if (!r) {
        r = *state = request_new(ctx, conn, method, url);
        request_begin(r);
        return MHD_YES;
    }
    if (*data_n > 0) {
        request_take_body(r, data, *data_n);
        *data_n = 0;
        return MHD_YES;
    }
    return request_finish(r);
}

static void on_completed(void *ctx, struct MHD_Connection *conn, void **state,
                         enum MHD_RequestTerminationCode code)
{
    if (*state)
        request_free(*state);
    *state = NULL;
}

static int hex_value(char c)
{
    if (isdigit((unsigned char)c))
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* %XX in place. %00 stays as it is: a NUL would silently cut the string behind it. */
static size_t on_unescape(void *ctx, struct MHD_Connection *conn, char *s)
{
    char *to = s;
    for (const char *from = s; *from; from++) {
        int hi = *from == '%' ? hex_value(from[1]) : -1;
        int lo = hi >= 0 ? hex_value(from[2]) : -1;
        if (lo >= 0 && (hi || lo)) {
            *to++ = (char)(hi << 4 | lo);
            from += 2;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
    return (size_t)(to - s);
}

static void on_log(void *ctx, const char *fmt, va_list ap) _printf_(2, 0);
static void on_log(void *ctx, const char *fmt, va_list ap)
{
    _cleanup_(freep) char *text = str_vprintf(fmt, ap);
    log_debug("http: %s", str_trim(text));
}

static int server_serve(struct server *s, int fd, const char *address, struct err *err)
{
    struct MHD_Daemon *d = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL |
            MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG | MHD_USE_ITC,
        0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK, MHD_OPTION_END);
    if (!d)
        return err_set(err, -EIO, "cannot serve %s", address);
    s->daemons = xrealloc(s->daemons, (s->n + 1) * sizeof(*s->daemons));
    s->daemons[s->n++] = d;
    return 0;
}

int server_listen(struct server *s, const char *address, const char *group, struct passed *passed,
                  struct err *err)
{
    _cleanup_(listeners_fini) struct listeners l = {0};
    int r = listen_open(address, group, passed, &l, err);
    if (r < 0)
        return r;
    if (l.path)
        strv_add(&s->paths, l.path);
    while (l.n > 0) {
        r = server_serve(s, l.fds[l.n - 1], address, err);
        if (r < 0)
            return r;
        l.n--;
    }
    return 0;
}

static void server_end_streams(struct server *s)
{
    eventfd_write(s->closing_fd, 1);
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    for (struct server_stream *x = s->streams; x; x = x->next)
        shutdown(x->client, SHUT_RDWR);
    while (s->streams)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void server_free(struct server *s)
{
    const char *path;
    strv_foreach (path, &s->paths)
        unlink(path);
    for (size_t i = 0; i < s->n; i++)
        close_fd(MHD_quiesce_daemon(s->daemons[i]));
    server_end_streams(s);
    for (size_t i = 0; i < s->n; i++)
        MHD_stop_daemon(s->daemons[i]);
    strv_fini(&s->paths);
    free(s->daemons);
    close_fd(s->closing_fd);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
