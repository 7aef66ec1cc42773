/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server
 *
 * A thread for each connection (workers.c), HTTP on it (connection.c). The order of the end: no new
 * connections, then the streams (they poll closing_fd), then what is in progress.
 */
#include "api/server.h"

#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "api/connection.h"
#include "api/listen.h"
#include "api/workers.h"
#include "base/str.h"

struct server_stream {
    struct server *server;
    struct server_stream *prev, *next;
    int client;
};

struct server {
    struct engine *engine;
    struct workers *workers;
    struct strv paths; /* of our unix sockets */
    int closing_fd;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    struct server_stream *streams; /* under lock */
    bool closing;                  /* under lock */
};

static void serve(void *ctx, int fd, char *buffer)
{
    connection_serve(ctx, fd, buffer);
}

struct server *server_new(struct engine *e, struct err *err)
{
    _cleanup_(closep) int fd = eventfd(0, EFD_CLOEXEC);
    if (fd < 0) {
        err_errno(err, -errno, "cannot make a descriptor for the server");
        return NULL;
    }
    struct server *s = xcalloc(1, sizeof(*s));
    s->workers = workers_new(serve, s, err);
    if (!s->workers) {
        free(s);
        return NULL;
    }
    connection_setup();
    s->engine = e;
    s->closing_fd = steal_fd(&fd);
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
    *x = (struct server_stream){.server = s, .client = client};
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
    free(x);
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
    while (r == 0 && l.n > 0)
        r = workers_listen(s->workers, l.fds[--l.n], err);
    return r < 0 ? err_wrap(err, "cannot serve %s", address) : 0;
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
    workers_quiesce(s->workers);
    server_end_streams(s);
    workers_free(s->workers);
    strv_fini(&s->paths);
    close_fd(s->closing_fd);
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
