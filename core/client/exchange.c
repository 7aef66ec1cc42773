/* SPDX-License-Identifier: Apache-2.0 */
/* Sending a request and taking its answer. */
#include "client/exchange.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "client/meter.h"

#define ANSWER_MAX (256u << 20)
#define HEADER_MAX (64u << 10)

static int on_header_name(http_parser *p, const char *at, size_t n)
{
    struct exchange *x = p->data;
    if (x->in_value || x->name.len > HEADER_MAX) {
        x->in_value = false;
        buf_reset(&x->name);
    }
    buf_add(&x->name, at, n);
    return 0;
}

static struct buf *kept_header(struct exchange *x)
{
    if (!x->name.s)
        return NULL;
    if (strcasecmp(x->name.s, "Content-Type") == 0)
        return &x->type;
    return x->want && strcasecmp(x->name.s, x->want) == 0 ? &x->wanted : NULL;
}

static int on_header_value(http_parser *p, const char *at, size_t n)
{
    struct exchange *x = p->data;
    if (!x->in_value)
        x->into = kept_header(x);
    x->in_value = true;
    if (x->into && x->into->len + n < HEADER_MAX)
        buf_add(x->into, at, n);
    return 0;
}

/* 2: what follows is no body. */
static int on_headers(http_parser *p)
{
    struct exchange *x = p->data;
    x->status = p->status_code;
    x->multiplexed =
        x->type.s && strcasestr(x->type.s, "application/vnd.docker.multiplexed-stream");
    if (x->status >= 100 && x->status < 200 && x->status != 101)
        return 0;
    x->headers = true;
    if (p->content_length != ULLONG_MAX && p->content_length <= INT64_MAX)
        meter_total(x->meter, (int64_t)p->content_length);
    return x->upgrade && (x->status == 101 || x->status == 200) ? 2 : 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct exchange *x = p->data;
    if (x->each && x->status < 400) {
        meter_add(x->meter, (int64_t)n);
        x->stopped = x->each(x->ctx, at, n) != 0;
        return x->stopped;
    }
    x->too_long = x->body.len + n > ANSWER_MAX;
    if (x->too_long)
        return 1;
    buf_add(&x->body, at, n);
    return 0;
}

static int on_complete(http_parser *p)
{
    struct exchange *x = p->data;
    x->complete = x->headers; /* not after "100 Continue" */
    x->keep_alive = http_should_keep_alive(p);
    return 0;
}

static const http_parser_settings callbacks = {.on_header_field = on_header_name,
                                               .on_header_value = on_header_value,
                                               .on_headers_complete = on_headers,
                                               .on_body = on_body,
                                               .on_message_complete = on_complete};

void exchange_init(struct exchange *x, int fd)
{
    *x = (struct exchange){.fd = fd};
    http_parser_init(&x->parser, HTTP_RESPONSE);
    x->parser.data = x;
}

void exchange_fini(struct exchange *x)
{
    close_fd(x->fd);
    x->fd = -1;
    buf_fini(&x->name);
    buf_fini(&x->type);
    buf_fini(&x->wanted);
    buf_fini(&x->body);
}

char *exchange_head(const char *method, const char *path, const char *type, int64_t length,
                    bool upgrade)
{
    struct buf b = {0};
    buf_printf(&b, "%s /v1.51%s HTTP/1.1\r\nHost: berth\r\nUser-Agent: berth-client\r\n", method,
               path);
    if (type)
        buf_printf(&b, "Content-Type: %s\r\n", type);
    if (length < 0)
        buf_adds(&b, "Transfer-Encoding: chunked\r\n");
    else
        buf_printf(&b, "Content-Length: %lld\r\n", (long long)length);
    if (upgrade)
        buf_adds(&b, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
    buf_adds(&b, "\r\n");
    return buf_steal(&b);
}

int exchange_send(struct exchange *x, const void *data, size_t n)
{
    for (const char *at = data; n > 0;) {
        ssize_t done = send(x->fd, at, n, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            return -errno;
        if (done > 0) {
            at += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

static int parse(struct exchange *x, const char *data, size_t n)
{
    size_t used = http_parser_execute(&x->parser, &callbacks, data, n);
    if (x->parser.upgrade && x->headers) {
        x->complete = true;
        if (used < n)
            buf_add(&x->body, data + used, n - used);
        return 0;
    }
    enum http_errno e = HTTP_PARSER_ERRNO(&x->parser);
    if (x->stopped || e == HPE_OK)
        return 0;
    if (e == HPE_INVALID_EOF_STATE)
        return -ECONNRESET;
    return x->too_long ? -EMSGSIZE : -EPROTO;
}

int exchange_read(struct exchange *x)
{
    char chunk[32768];
    ssize_t n;
    do
        n = recv(x->fd, chunk, sizeof(chunk), 0);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    int r = parse(x, chunk, (size_t)n);
    return r == 0 && n == 0 && !x->complete ? -ECONNRESET : r;
}

int exchange_read_headers(struct exchange *x)
{
    int r = 0;
    while (r == 0 && !x->headers)
        r = exchange_read(x);
    return r;
}

int exchange_read_all(struct exchange *x)
{
    int r = 0;
    while (r == 0 && !x->complete && !x->stopped)
        r = exchange_read(x);
    return r;
}
