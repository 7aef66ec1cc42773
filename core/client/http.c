/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the daemon. */
#include "client/http.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "client/client.h"
#include "client/connection.h"
#include "client/exchange.h"
#include "client/meter.h"

#define TYPE_JSON    "application/json"
#define TYPE_TAR     "application/x-tar"
#define UPLOAD_BLOCK 65536

static int status_errno(long status)
{
    switch (status) {
    case 304:
        return -EALREADY;
    case 400:
        return -EINVAL;
    case 403:
        return -EPERM;
    case 404:
        return -ENOENT;
    case 409:
        return -EBUSY;
    case 501:
        return -ENOTSUP;
    default:
        return -EIO;
    }
}

static int status_error(const struct exchange *x, struct err *err)
{
    json_auto_t *v = NULL;
    const char *words = NULL;
    if (x->body.len && json_parse(x->body.s, x->body.len, &v, NULL) == 0)
        words = json_str(v, "message", NULL);
    if (words)
        return err_set(err, status_errno(x->status), "Error response from daemon: %s", words);
    return err_set(err, status_errno(x->status), "the daemon answered with status %ld", x->status);
}

/* `r` is of the exchange's reads and writes. */
int http_outcome(const struct client *c, const struct exchange *x, int r, struct err *err)
{
    bool refused = x->status >= 400 || x->status == 304;
    if (refused && (r == 0 || x->body.len))
        return status_error(x, err);
    if (r == -ECONNRESET || r == -EPIPE)
        return err_set(err, -ECONNRESET, "the daemon at %s went away before it answered", c->host);
    if (r == -EMSGSIZE)
        return err_set(err, r, "the answer of the daemon at %s is too long", c->host);
    if (r == -EPROTO)
        return err_set(err, r, "what the daemon at %s answers is not HTTP: %s", c->host,
                       http_errno_description(HTTP_PARSER_ERRNO(&x->parser)));
    return r < 0 ? err_errno(err, r, "talking to the daemon at %s", c->host) : 0;
}

/* --- whole requests */

static int send_request(struct exchange *x, const char *method, const char *path, const char *body)
{
    size_t n = body ? strlen(body) : 0;
    _cleanup_(freep) char *head =
        exchange_head(method, path, body ? TYPE_JSON : NULL, (int64_t)n, x->upgrade);
    _cleanup_(buf_fini) struct buf all = {0};
    buf_adds(&all, head);
    if (n)
        buf_add(&all, body, n);
    return exchange_send(x, all.s, all.len);
}

/* On a connection of its own or a kept one; *keep is what is left of it, -1 when it was closed. */
static int json_on(const struct client *c, int fd, const char *method, const char *path,
                   const json_t *body, json_t **out, int *keep, struct err *err)
{
    _cleanup_(exchange_fini) struct exchange x;
    exchange_init(&x, fd);
    _cleanup_(freep) char *text = body ? json_text(body) : NULL;
    int r = send_request(&x, method, path, text);
    if (r == 0 || r == -EPIPE)
        r = exchange_read_all(&x);
    if (r == 0 && x.keep_alive)
        *keep = steal_fd(&x.fd);
    r = http_outcome(c, &x, r, err);
    if (r < 0 || !out)
        return r;
    *out = NULL;
    return x.body.len ? json_parse(x.body.s, x.body.len, out, err) : 0;
}

int http_json_from(const struct client *c, const char *method, const char *path, const json_t *body,
                   json_t **out, struct err *err)
{
    _cleanup_(closep) int keep = -1;
    int fd = connection_open(c->host, err);
    return fd < 0 ? fd : json_on(c, fd, method, path, body, out, &keep, err);
}

/* The connection that an earlier request has left, or a new one. */
static int connection_take(struct client *c)
{
    int fd = c->idle;
    c->idle = 0;
    if (fd > 0 && !connection_is_idle(fd)) {
        close_fd(fd);
        fd = 0;
    }
    return fd > 0 ? fd : connection_open(c->host, &c->err);
}

int http_json(struct client *c, const char *method, const char *path, const json_t *body,
              json_t **out)
{
    _cleanup_(closep) int keep = -1;
    int fd = connection_take(c);
    int r = fd < 0 ? fd : json_on(c, fd, method, path, body, out, &keep, &c->err);
    c->idle = keep < 0 ? 0 : steal_fd(&keep);
    return r;
}

int http_stream(struct client *c, const char *method, const char *path,
                int (*each)(void *ctx, const char *data, size_t n), void *ctx)
{
    int fd = connection_open(c->host, &c->err);
    if (fd < 0)
        return fd;
    _cleanup_(exchange_fini) struct exchange x;
    exchange_init(&x, fd);
    x.each = each;
    x.ctx = ctx;
    x.meter = c->meter;
    int r = send_request(&x, method, path, NULL);
    if (r == 0)
        r = exchange_read_all(&x);
    return http_outcome(c, &x, r, &c->err);
}

int http_open(struct client *c, const char *method, const char *path, struct exchange *x)
{
    x->fd = connection_open(c->host, &c->err);
    if (x->fd < 0)
        return x->fd;
    int r = send_request(x, method, path, NULL);
    return r < 0 ? http_outcome(c, x, r, &c->err) : 0;
}

struct header_stream {
    struct exchange *x;
    char **value;
    int (*each)(void *ctx, const char *data, size_t n);
    void *ctx;
};

static void take_header(struct header_stream *s)
{
    if (!*s->value && s->x->wanted.len)
        *s->value = xstrndup(s->x->wanted.s, s->x->wanted.len);
}

static int header_stream_each(void *ctx, const char *data, size_t n)
{
    struct header_stream *s = ctx;
    take_header(s);
    return s->each(s->ctx, data, n);
}

int http_stream_header(struct client *c, const char *method, const char *path, const char *header,
                       char **value, int (*each)(void *ctx, const char *data, size_t n), void *ctx)
{
    *value = NULL;
    int fd = connection_open(c->host, &c->err);
    if (fd < 0)
        return fd;
    _cleanup_(exchange_fini) struct exchange x;
    exchange_init(&x, fd);
    struct header_stream s = {&x, value, each, ctx};
    x.want = header;
    x.each = each ? header_stream_each : NULL;
    x.ctx = &s;
    int r = send_request(&x, method, path, NULL);
    if (r == 0 && str_eq(method, "HEAD"))
        r = exchange_read_headers(&x);
    else if (r == 0)
        r = exchange_read_all(&x);
    take_header(&s);
    return http_outcome(c, &x, r, &c->err);
}

/* --- uploads */

/* One chunk of what can be read from fd; the empty one at its end. 1: that was the last. */
static int send_chunk(struct exchange *x, int fd, struct meter *meter)
{
    char data[UPLOAD_BLOCK + 2], size[16];
    ssize_t n;
    do
        n = read(fd, data, UPLOAD_BLOCK);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    int k = snprintf(size, sizeof(size), "%zx\r\n", (size_t)n);
    memcpy(data + n, "\r\n", 2);
    int r = exchange_send(x, size, (size_t)k);
    if (r == 0)
        r = exchange_send(x, data, (size_t)n + 2);
    meter_add(meter, n);
    return r < 0 ? r : n == 0;
}

/* The daemon may answer, with an error, before it has read all. */
static bool has_answer(const struct exchange *x)
{
    struct pollfd p = {.fd = x->fd, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

int http_upload(struct client *c, const char *path, int fd,
                int (*each)(void *ctx, const char *data, size_t n), void *ctx)
{
    int sock = connection_open(c->host, &c->err);
    if (sock < 0)
        return sock;
    _cleanup_(exchange_fini) struct exchange x;
    exchange_init(&x, sock);
    x.each = each;
    x.ctx = ctx;
    _cleanup_(freep) char *head = exchange_head("POST", path, TYPE_TAR, -1, false);
    int sent = exchange_send(&x, head, strlen(head));
    while (sent == 0 && !has_answer(&x))
        sent = send_chunk(&x, fd, c->meter);
    int r = sent < 0 && sent != -EPIPE && sent != -ECONNRESET ? sent : exchange_read_all(&x);
    return http_outcome(c, &x, r, &c->err);
}

struct put {
    struct exchange *x;
    bool answered; /* the daemon has answered already, with an error */
    int sent;
};

static int put_chunk(void *ctx, const void *data, size_t n, struct err *err)
{
    struct put *p = ctx;
    char size[16];
    p->answered = has_answer(p->x);
    int k = snprintf(size, sizeof(size), "%zx\r\n", n);
    if (!p->answered)
        p->sent = exchange_send(p->x, size, (size_t)k);
    if (!p->answered && p->sent == 0)
        p->sent = exchange_send(p->x, data, n);
    if (!p->answered && p->sent == 0)
        p->sent = exchange_send(p->x, "\r\n", 2);
    return p->answered || p->sent < 0 ? err_set(err, -ECANCELED, "the daemon takes no more") : 0;
}

int http_put(struct client *c, const char *path,
             int (*produce)(void *ctx, http_put_fn *put, void *put_ctx, struct err *err), void *ctx)
{
    _cleanup_(err_fini) struct err why = {0};
    int sock = connection_open(c->host, &c->err);
    if (sock < 0)
        return sock;
    _cleanup_(exchange_fini) struct exchange x;
    exchange_init(&x, sock);
    struct put p = {.x = &x};
    _cleanup_(freep) char *head = exchange_head("PUT", path, TYPE_TAR, -1, false);
    p.sent = exchange_send(&x, head, strlen(head));
    int r = p.sent < 0 ? 0 : produce(ctx, put_chunk, &p, &why);
    if (r < 0 && !p.answered && p.sent == 0) { /* ours: the daemon sees the connection break */
        err_move(&c->err, &why);
        return r;
    }
    if (r == 0 && p.sent == 0)
        p.sent = exchange_send(&x, "0\r\n\r\n", 5);
    r = p.sent < 0 && p.sent != -EPIPE && p.sent != -ECONNRESET ? p.sent : exchange_read_all(&x);
    return http_outcome(c, &x, r, &c->err);
}

/* --- requests whose answers are read later */

/* Takes `fd` over. */
static int later_send(struct client *c, int fd, const char *path, const json_t *body, bool upgrade,
                      struct http_later *later)
{
    if (fd < 0)
        return fd;
    struct exchange *x = later->exchange = xcalloc(1, sizeof(*x));
    exchange_init(x, fd);
    x->upgrade = upgrade;
    _cleanup_(freep) char *text = body ? json_text(body) : NULL;
    int r = send_request(x, "POST", path, text);
    return r == -EPIPE
               ? 0
               : http_outcome(c, x, r, &c->err); /* what it answered before it closed tells more */
}

int http_later_send(struct client *c, const char *path, struct http_later *later)
{
    return later_send(c, connection_open(c->host, &c->err), path, NULL, false, later);
}

int http_later_send_on_kept(struct client *c, const char *path, struct http_later *later)
{
    return later_send(c, connection_take(c), path, NULL, false, later);
}

int http_later_accepted(struct client *c, struct http_later *later)
{
    struct exchange *x = later->exchange;
    int r = exchange_read_headers(x);
    if (r == 0 && x->status >= 400)
        r = exchange_read_all(x);
    return http_outcome(c, x, r, &c->err);
}

int http_later_end(struct client *c, struct http_later *later, json_t **out)
{
    struct exchange *x = later->exchange;
    int r = http_outcome(c, x, exchange_read_all(x), &c->err);
    if (r < 0 || !out)
        return r;
    return json_parse(x->body.s ? x->body.s : "", x->body.len, out, &c->err);
}

void http_later_fini(struct http_later *later)
{
    if (!later->exchange)
        return;
    exchange_fini(later->exchange);
    free(steal_ptr(&later->exchange));
}

/* --- upgraded connections */

int http_hijack_send(struct client *c, const char *path, const json_t *body,
                     struct http_later *later)
{
    return later_send(c, connection_open(c->host, &c->err), path, body, true, later);
}

int http_hijack_end(struct client *c, struct http_later *later, int *fd, struct buf *early,
                    bool *raw)
{
    struct exchange *x = later->exchange;
    int r = http_outcome(c, x, exchange_read_all(x), &c->err);
    if (r < 0)
        return r;
    *raw = !x->multiplexed;
    buf_add(early, x->body.s, x->body.len);
    *fd = steal_fd(&x->fd);
    return 0;
}

int http_hijack(struct client *c, const char *path, const json_t *body, int *fd, struct buf *early,
                bool *raw)
{
    _cleanup_(http_later_fini) struct http_later later = {0};
    int r = http_hijack_send(c, path, body, &later);
    return r < 0 ? r : http_hijack_end(c, &later, fd, early, raw);
}

char *http_escape(const char *s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    struct buf b = {0};
    buf_adds(&b, "");
    for (; *s; s++) {
        if (strchr(plain, *s))
            buf_addc(&b, *s);
        else
            buf_printf(&b, "%%%02X", (unsigned char)*s);
    }
    return buf_steal(&b);
}
