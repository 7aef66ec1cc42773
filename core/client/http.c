/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the daemon. */
#include <curl/curl.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/json.h"
#include "client/client.h"
#include "client/http.h"

#define ANSWER_MAX (256u << 20)
#define LATER_MAX  (1u << 20)

struct exchange {
    const struct client *client;
    CURL *curl;
    struct curl_slist *headers;
    struct buf body; /* of errors, and of whole answers */
    long status;
    int (*each)(void *ctx, const char *data, size_t n);
    void *ctx;
    int upload_fd;
    bool stopped;
};

static void exchange_fini(struct exchange *x)
{
    curl_easy_cleanup(x->curl);
    curl_slist_free_all(x->headers);
    buf_fini(&x->body);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    n *= size;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->status);
    if (x->each && x->status < 400) {
        x->stopped = x->each(x->ctx, data, n) != 0;
        return x->stopped ? 0 : n;
    }
    if (x->body.len + n > ANSWER_MAX)
        return 0;
    buf_add(&x->body, data, n);
    return n;
}

static size_t on_read(char *data, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    ssize_t got;
    do
        got = read(x->upload_fd, data, size * n);
    while (got < 0 && errno == EINTR);
    return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static int split_host(const struct client *c, const char **socket_path, char **base,
                      struct err *err)
{
    const char *tcp = str_after(c->host, "tcp://");
    *socket_path = str_after(c->host, "unix://");
    if (!*socket_path && !tcp)
        return err_set(
            err, -EINVAL,
            "unable to parse the daemon's address \"%s\": unix://PATH or tcp://HOST:PORT", c->host);
    /* 2375 is docker's port where none is named; a colon inside of brackets is an IPv6 address's. */
    const char *bracket = tcp ? strchr(tcp, ']') : NULL;
    bool port = tcp && strchr(bracket ? bracket : tcp, ':');
    *base = str_printf("http://%s%s", tcp ? tcp : "berth", tcp && !port ? ":2375" : "");
    return 0;
}

static int exchange_init(struct exchange *x, const struct client *c, const char *method,
                         const char *path, struct err *err)
{
    const char *socket_path;
    _cleanup_(freep) char *base = NULL, *url = NULL;
    *x = (struct exchange){.client = c, .upload_fd = -1};
    int r = split_host(c, &socket_path, &base, err);
    if (r < 0)
        return r;
    url = str_printf("%s/v1.51%s", base ? base : "", path);
    x->curl = curl_easy_init();
    if (!x->curl)
        return err_set(err, -ENOMEM, "out of memory");
    curl_easy_setopt(x->curl, CURLOPT_URL, url);
    curl_easy_setopt(x->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(x->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(x->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(x->curl, CURLOPT_USERAGENT, "berth-client");
    if (socket_path)
        curl_easy_setopt(x->curl, CURLOPT_UNIX_SOCKET_PATH, socket_path);
    curl_easy_setopt(x->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(x->curl, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(x->curl, CURLOPT_PATH_AS_IS, 1L); /* a container may be asked for as ".." */
    x->headers = curl_slist_append(x->headers, "Expect:");
    return 0;
}

static int connect_error(const struct client *c, CURLcode code, struct err *err)
{
    if (code == CURLE_COULDNT_CONNECT)
        return err_set(err, -ECONNREFUSED,
                       "cannot connect to the berth daemon at %s. Is berthd running?", c->host);
    return err_set(err, -EIO, "talking to the daemon at %s: %s", c->host, curl_easy_strerror(code));
}

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

static int status_error(long status, const struct buf *body, struct err *err)
{
    json_auto_t *v = NULL;
    const char *words = NULL;
    if (body->len && json_parse(body->s, body->len, &v, NULL) == 0)
        words = json_str(v, "message", NULL);
    if (words)
        return err_set(err, status_errno(status), "Error response from daemon: %s", words);
    return err_set(err, status_errno(status), "the daemon answered with status %ld", status);
}

static int perform(struct exchange *x, struct err *err)
{
    curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
    CURLcode code = curl_easy_perform(x->curl);
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->status);
    if (code != CURLE_OK && !x->stopped && x->status < 400)
        return connect_error(x->client, code, err);
    if (x->status >= 400 || x->status == 304)
        return status_error(x->status, &x->body, err);
    return 0;
}

int http_json_from(const struct client *c, const char *method, const char *path, const json_t *body,
                   json_t **out, struct err *err)
{
    _cleanup_(exchange_fini) struct exchange x = {0};
    int r = exchange_init(&x, c, method, path, err);
    if (r < 0)
        return r;
    _cleanup_(freep) char *text = body ? json_text(body) : NULL;
    if (text) {
        x.headers = curl_slist_append(x.headers, "Content-Type: application/json");
        curl_easy_setopt(x.curl, CURLOPT_POSTFIELDS, text);
    }
    r = perform(&x, err);
    if (r < 0 || !out)
        return r;
    *out = NULL;
    return x.body.len ? json_parse(x.body.s, x.body.len, out, err) : 0;
}

int http_json(struct client *c, const char *method, const char *path, const json_t *body,
              json_t **out)
{
    return http_json_from(c, method, path, body, out, &c->err);
}

int http_stream(struct client *c, const char *method, const char *path,
                int (*each)(void *ctx, const char *data, size_t n), void *ctx)
{
    _cleanup_(exchange_fini) struct exchange x = {0};
    int r = exchange_init(&x, c, method, path, &c->err);
    if (r < 0)
        return r;
    x.each = each;
    x.ctx = ctx;
    return perform(&x, &c->err);
}

int http_upload(struct client *c, const char *path, int fd,
                int (*each)(void *ctx, const char *data, size_t n), void *ctx)
{
    _cleanup_(exchange_fini) struct exchange x = {0};
    int r = exchange_init(&x, c, "POST", path, &c->err);
    if (r < 0)
        return r;
    x.each = each;
    x.ctx = ctx;
    x.upload_fd = fd;
    x.headers = curl_slist_append(x.headers, "Content-Type: application/x-tar");
    x.headers = curl_slist_append(x.headers, "Transfer-Encoding: chunked");
    curl_easy_setopt(x.curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(x.curl, CURLOPT_CUSTOMREQUEST, "POST");
    curl_easy_setopt(x.curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(x.curl, CURLOPT_READDATA, &x);
    return perform(&x, &c->err);
}

/* --- hijacked connections: curl connects, the request and the headers of its answer are ours */

static int read_headers(int fd, struct buf *in, size_t *end)
{
    char chunk[4096];
    for (;;) {
        const char *at = in->s ? strstr(in->s, "\r\n\r\n") : NULL;
        if (at) {
            *end = (size_t)(at - in->s) + 4;
            return 0;
        }
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (in->len > 65536)
            return -EMSGSIZE;
        ssize_t n = poll(&p, 1, -1) < 0 ? -1 : read(fd, chunk, sizeof(chunk));
        if (n == 0)
            return -ECONNRESET;
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (n > 0)
            buf_add(in, chunk, (size_t)n);
    }
}

/* The body of an error: what the length says, or all until the end. */
static int hijack_refused(int fd, struct buf *in, size_t end, long status, struct err *err)
{
    const char *length = strcasestr(in->s, "\r\nContent-Length:");
    int64_t want = length ? strtoll(length + 17, NULL, 10) : 65536;
    char chunk[4096];
    while (in->len - end < (size_t)MAX(MIN(want, 65536), 0)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n = poll(&p, 1, 5000) <= 0 ? 0 : read(fd, chunk, sizeof(chunk));
        if (n <= 0)
            break;
        buf_add(in, chunk, (size_t)n);
    }
    struct buf body = {.s = in->s + end, .len = in->len - end};
    return status_error(status, &body, err);
}

static int send_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, data, n, MSG_NOSIGNAL);
        if (done < 0 && errno != EINTR)
            return -errno;
        if (done > 0) {
            data += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

/* A blocking connection of our own to the daemon. */
static int raw_connect(struct client *c)
{
    _cleanup_(exchange_fini) struct exchange x = {0};
    int r = exchange_init(&x, c, "POST", "/", &c->err);
    if (r < 0)
        return r;
    curl_easy_setopt(x.curl, CURLOPT_CONNECT_ONLY, 1L);
    CURLcode code = curl_easy_perform(x.curl);
    curl_socket_t sock = -1;
    if (code != CURLE_OK || curl_easy_getinfo(x.curl, CURLINFO_ACTIVESOCKET, &sock) != CURLE_OK ||
        sock < 0)
        return connect_error(c, code ? code : CURLE_COULDNT_CONNECT, &c->err);
    int own = fcntl(sock, F_DUPFD_CLOEXEC, 3);
    if (own < 0)
        return err_errno(&c->err, -errno, "connecting to %s", c->host);
    fcntl(own, F_SETFL, fcntl(own, F_GETFL) & ~O_NONBLOCK);
    return own;
}

/* Sends a request and reads the headers of its answer; *end is where the body begins. Any status but 101 and 200 is an
 * error. */
static int raw_request(struct client *c, int fd, const char *request, struct buf *in, size_t *end)
{
    int r = send_all(fd, request, strlen(request));
    if (r == 0)
        r = read_headers(fd, in, end);
    if (r < 0)
        return err_errno(&c->err, r, "talking to the daemon at %s", c->host);
    long status = str_after(in->s, "HTTP/1.") ? strtol(in->s + 9, NULL, 10) : 0;
    if (status != 101 && status != 200)
        return hijack_refused(fd, in, *end, status, &c->err);
    in->s[*end - 1] = '\0'; /* the headers are a string of their own now */
    return 0;
}

int http_hijack(struct client *c, const char *path, const json_t *body, int *fd, struct buf *early,
                bool *raw)
{
    _cleanup_(closep) int own = raw_connect(c);
    if (own < 0)
        return own;
    _cleanup_(freep) char *text = body ? json_text(body) : xstrdup("");
    _cleanup_(freep) char *request =
        str_printf("POST /v1.51%s HTTP/1.1\r\nHost: berth\r\nUser-Agent: berth-client\r\n"
                   "Content-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   path, strlen(text), text);
    _cleanup_(buf_fini) struct buf in = {0};
    size_t end = 0;
    int r = raw_request(c, own, request, &in, &end);
    if (r < 0)
        return r;
    *raw = strcasestr(in.s, "application/vnd.docker.multiplexed-stream") == NULL;
    buf_add(early, in.s + end, in.len - end);
    *fd = steal_fd(&own);
    return 0;
}

/* HTTP/1.0: the answer's end is the connection's. */
int http_later_begin(struct client *c, const char *path, struct http_later *later)
{
    *later = (struct http_later){.fd = -1};
    _cleanup_(closep) int own = raw_connect(c);
    if (own < 0)
        return own;
    _cleanup_(freep) char *request =
        str_printf("POST /v1.51%s HTTP/1.0\r\nHost: berth\r\nUser-Agent: berth-client\r\n"
                   "Content-Length: 0\r\n\r\n",
                   path);
    int r = raw_request(c, own, request, &later->in, &later->at);
    if (r == 0)
        later->fd = steal_fd(&own);
    return r;
}

int http_later_end(struct client *c, struct http_later *later, json_t **out)
{
    char chunk[4096];
    ssize_t n;
    while ((n = read(later->fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(&c->err, -errno, "talking to the daemon at %s", c->host);
        if (later->in.len + (size_t)n > LATER_MAX)
            return err_set(&c->err, -EMSGSIZE, "the daemon's answer is too long");
        buf_add(&later->in, chunk, (size_t)n);
    }
    if (later->in.len <= later->at)
        return err_set(&c->err, -ECONNRESET, "the daemon at %s went away before it answered",
                       c->host);
    return json_parse(later->in.s + later->at, later->in.len - later->at, out, &c->err);
}

void http_later_fini(struct http_later *later)
{
    close_fd(later->fd);
    later->fd = -1;
    buf_fini(&later->in);
}

char *http_escape(const char *s)
{
    char *escaped = curl_easy_escape(NULL, s, 0);
    char *own = xstrdup(escaped ? escaped : "");
    curl_free(escaped);
    return own;
}
