/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection
 *
 * libhttp-parser takes the requests apart (RFC 9112 with its limits); answers are written by hand.
 */
#include "api/connection.h"

#include <errno.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "api/request.h"
#include "api/workers.h"
#include "base/fs.h"

/* Of the first line and the header lines: filters, build arguments and credentials are in there. */
#define HEAD_MAX  (256u << 10)
#define DATE_SIZE 64
/* Copied behind the head, which is cheaper than a second piece. */
#define BODY_SMALL 1024

/* --- out */

static int send_pieces(struct connection *c, struct iovec *v, size_t n)
{
    struct msghdr m = {.msg_iov = v, .msg_iovlen = n};
    while (m.msg_iovlen > 0 && !c->broken) {
        ssize_t done = sendmsg(c->fd, &m, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            c->broken = true;
        while (m.msg_iovlen > 0 && done >= (ssize_t)m.msg_iov->iov_len) {
            done -= (ssize_t)m.msg_iov->iov_len;
            m.msg_iov++;
            m.msg_iovlen--;
        }
        if (m.msg_iovlen > 0 && done > 0) {
            m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + done;
            m.msg_iov->iov_len -= (size_t)done;
        }
    }
    return c->broken ? -EPIPE : 0;
}

static struct iovec piece(const char *data, size_t n)
{
    return (struct iovec){.iov_base = (char *)(uintptr_t)data, .iov_len = n};
}

int connection_send(struct connection *c, const char *data, size_t n)
{
    while (n > 0 && !c->broken) {
        ssize_t done = send(c->fd, data, n, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            c->broken = true;
        if (done > 0) {
            data += done;
            n -= (size_t)done;
        }
    }
    return c->broken ? -EPIPE : 0;
}

/* The Date line, made once a second by each thread. */
static const char *date_line(void)
{
    static _Thread_local time_t made;
    static _Thread_local char line[DATE_SIZE];
    time_t now = time(NULL);
    struct tm tm;
    if (now != made && gmtime_r(&now, &tm)) {
        strftime(line, sizeof(line), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &tm);
        made = now;
    }
    return line;
}

static bool is_http_10(const struct connection *c)
{
    return c->parser.http_major < 1 || (c->parser.http_major == 1 && c->parser.http_minor == 0);
}

static void head_add(const struct connection *c, struct buf *out, unsigned status,
                     const char *extra, int64_t length)
{
    if (status == 200)
        buf_adds(out, "HTTP/1.1 200 OK\r\n");
    else
        buf_printf(out, "HTTP/1.1 %u %s\r\n", status, http_status_str((enum http_status)status));
    buf_adds(out, date_line());
    buf_adds(out, extra);
    if (length >= 0)
        buf_printf(out, "Content-Length: %lld\r\n", (long long)length);
    else if (length == LENGTH_STREAM && !is_http_10(c))
        buf_adds(out, "Transfer-Encoding: chunked\r\n");
    if (c->close && status != 101)
        buf_adds(out, "Connection: close\r\n");
    else if (is_http_10(c) && status != 101)
        buf_adds(out, "Connection: keep-alive\r\n");
    buf_adds(out, "\r\n");
}

void connection_answer(struct connection *c, unsigned status, const char *extra, int64_t length,
                       const char *body)
{
    struct buf *head = &c->out;
    buf_reset(head);
    if (length == LENGTH_STREAM && is_http_10(c))
        c->close = true;
    head_add(c, head, status, extra, length);
    if (length <= 0 || !body || c->parser.method == HTTP_HEAD) {
        connection_send(c, head->s, head->len);
    } else if (length <= BODY_SMALL) {
        buf_add(head, body, (size_t)length);
        connection_send(c, head->s, head->len);
    } else {
        struct iovec v[] = {piece(head->s, head->len), piece(body, (size_t)length)};
        send_pieces(c, v, ARRAY_SIZE(v));
    }
}

int connection_chunk(struct connection *c, const char *data, size_t n)
{
    char size[24];
    if (n == 0 || c->parser.method == HTTP_HEAD)
        return 0;
    if (is_http_10(c))
        return connection_send(c, data, n);
    int k = snprintf(size, sizeof(size), "%zx\r\n", n);
    struct iovec v[] = {piece(size, (size_t)k), piece(data, n), piece("\r\n", 2)};
    return send_pieces(c, v, ARRAY_SIZE(v));
}

void connection_chunks_end(struct connection *c)
{
    if (!is_http_10(c) && c->parser.method != HTTP_HEAD)
        connection_send(c, "0\r\n\r\n", 5);
}

/* What could not be read as a request; in the form of Docker's daemon. */
static void refuse(struct connection *c, unsigned status)
{
    _cleanup_(freep) char *body =
        str_printf("%u %s", status, http_status_str((enum http_status)status));
    c->close = true;
    c->parser.method = HTTP_GET;
    connection_answer(c, status, "Content-Type: text/plain; charset=utf-8\r\n",
                      (int64_t)strlen(body), body);
}

/* --- in */

static int head_room(struct connection *c, size_t n)
{
    if (c->url.len + c->headers.len + n <= HEAD_MAX)
        return 0;
    c->refuse = HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
    return -1;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
    struct connection *c = p->data;
    if (head_room(c, n) < 0)
        return -1;
    buf_add(&c->url, at, n);
    return 0;
}

static int on_header_name(http_parser *p, const char *at, size_t n)
{
    struct connection *c = p->data;
    if (head_room(c, n) < 0)
        return -1;
    if (c->in_value)
        buf_addc(&c->headers, '\0');
    c->in_value = false;
    buf_add(&c->headers, at, n);
    return 0;
}

static int on_header_value(http_parser *p, const char *at, size_t n)
{
    struct connection *c = p->data;
    if (head_room(c, n) < 0)
        return -1;
    if (!c->in_value)
        buf_addc(&c->headers, '\0');
    c->in_value = true;
    buf_add(&c->headers, at, n);
    return 0;
}

const char *connection_header(const struct connection *c, const char *name)
{
    const char *at = c->headers.s, *end = at ? at + c->headers.len : NULL;
    while (at && at < end) {
        const char *value = at + strlen(at) + 1;
        if (strcasecmp(at, name) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

static void say_continue(struct connection *c)
{
    static const char words[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const char *expect = connection_header(c, "Expect");
    if (expect && strcasecmp(expect, "100-continue") == 0 && !is_http_10(c))
        connection_send(c, words, sizeof(words) - 1);
}

static int on_head(http_parser *p)
{
    struct connection *c = p->data;
    if (c->headers.len > 0)
        buf_add(&c->headers, c->in_value ? "" : "\0", c->in_value ? 1 : 2);
    if (!is_http_10(c) && !connection_header(c, "Host"))
        c->refuse = HTTP_STATUS_BAD_REQUEST;
    if (p->http_major != 1)
        c->refuse = HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED;
    if (c->refuse)
        return -1;
    c->request = request_new(c, http_method_str((enum http_method)p->method), c->url.s);
    request_begin(c->request);
    say_continue(c);
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    struct connection *c = p->data;
    request_take_body(c->request, at, n);
    return 0;
}

/* What follows belongs to the next request, or to the stream that this one becomes. */
static int on_complete(http_parser *p)
{
    struct connection *c = p->data;
    c->complete = true;
    c->close = !http_should_keep_alive(p) || p->method == HTTP_CONNECT;
    http_parser_pause(p, 1);
    return 0;
}

static const http_parser_settings callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_name,
    .on_header_value = on_header_value,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_message_complete = on_complete,
};

/* false: the client has closed its side. */
static bool receive(struct connection *c)
{
    ssize_t n;
    do
        n = recv(c->fd, c->in, WORKER_BUFFER, 0);
    while (n < 0 && errno == EINTR);
    c->at = 0;
    c->n = n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Reads one request, with its body. false: there is none, or none that can be answered. */
static bool request_read(struct connection *c)
{
    http_parser_init(&c->parser, HTTP_REQUEST);
    c->parser.data = c;
    buf_reset(&c->url);
    buf_reset(&c->headers);
    c->in_value = c->complete = false;
    while (!c->complete) {
        if (c->at == c->n && !receive(c))
            return false;
        c->at += http_parser_execute(&c->parser, &callbacks, c->in + c->at, c->n - c->at);
        enum http_errno e = HTTP_PARSER_ERRNO(&c->parser);
        if (c->complete || e == HPE_OK)
            continue;
        if (e == HPE_HEADER_OVERFLOW)
            c->refuse = HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE;
        refuse(c, c->refuse ? c->refuse : HTTP_STATUS_BAD_REQUEST);
        return false;
    }
    return true;
}

static void request_end(struct connection *c)
{
    if (c->request)
        request_free(steal_ptr(&c->request));
}

void connection_setup(void)
{
    http_parser_set_max_header_size(HEAD_MAX);
}

void connection_serve(struct server *s, int fd, char *buffer)
{
    struct connection c = {.server = s, .fd = fd, .in = buffer};
    while (!c.close && !c.broken && request_read(&c)) {
        request_finish(c.request);
        request_end(&c);
    }
    request_end(&c);
    buf_fini(&c.url);
    buf_fini(&c.headers);
    buf_fini(&c.out);
}
