/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load generator of the bench
 *
 *   load play SOCKET CLIENTS <JOBS       plays jobs on CLIENTS keep-alive connections, a job as a whole on one of them
 *   load rate SOCKET PATH CLIENTS MS [new]   requests of PATH for MS milliseconds; new: a connection for each
 *   load time RUNS COMMAND...            runs a command; its output is thrown away
 *
 * HTTP/1.1 over a unix socket, so that what a client's own start costs is in no figure. A job is a block of lines
 * `METHOD PATH [BODY]`, blocks are parted by an empty line; a `+` before the method asks for an upgrade, `{}` in a path
 * is the Id of the last answer that had one. play prints a line a request: job, line, status, nanoseconds, bytes of the body,
 * and at last `wall NANOSECONDS`. A status of 400 or more is printed like any other; judging is the caller's.
 */
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BUFFER   (256u << 10)
#define HEAD_MAX (32u << 10)
#define ID_MAX   128

extern char **environ;

static const char *socket_path;

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* --- one connection */
struct client {
    int fd;
    char *buf;
    size_t at, n; /* what was received and not used yet */
    char id[ID_MAX];
};

struct answer {
    int status;
    bool chunked, close;
    int64_t length; /* -1: none said */
    int64_t body;   /* bytes of it that came */
};

static void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->at = c->n = 0;
}

static void client_connect(struct client *c)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    if (strlen(socket_path) >= sizeof(sa.sun_path)) {
        errno = ENAMETOOLONG;
        die(socket_path);
    }
    memcpy(sa.sun_path, socket_path, strlen(socket_path)); /* the rest is zero */
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    while (connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        if (errno != EINTR)
            die(socket_path);
}

static bool client_more(struct client *c)
{
    if (c->at == c->n)
        c->at = c->n = 0;
    ssize_t k;
    do
        k = recv(c->fd, c->buf + c->n, BUFFER - c->n, 0);
    while (k < 0 && errno == EINTR);
    if (k > 0)
        c->n += (size_t)k;
    return k > 0;
}

static void client_send(struct client *c, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t k = send(c->fd, text, n, MSG_NOSIGNAL);
        if (k < 0 && errno != EINTR)
            die("send");
        if (k > 0) {
            text += k;
            n -= (size_t)k;
        }
    }
}

/* The header, whole in the buffer; NUL-terminated in place of its empty line. NULL: the peer closed. */
static char *client_head(struct client *c)
{
    for (;;) {
        char *end = c->n > c->at ? memmem(c->buf + c->at, c->n - c->at, "\r\n\r\n", 4) : NULL;
        if (end) {
            char *head = c->buf + c->at;
            *end = '\0';
            c->at = (size_t)(end - c->buf) + 4;
            return head;
        }
        if (c->n - c->at > HEAD_MAX || !client_more(c))
            return NULL;
    }
}

static void answer_parse(struct answer *a, char *head)
{
    *a = (struct answer){.length = -1};
    char *save = NULL, *line = strtok_r(head, "\r\n", &save);
    if (!line || sscanf(line, "HTTP/1.%*d %d", &a->status) != 1)
        return;
    while ((line = strtok_r(NULL, "\r\n", &save))) {
        if (!strncasecmp(line, "Content-Length:", 15))
            a->length = atoll(line + 15);
        else if (!strncasecmp(line, "Transfer-Encoding:", 18))
            a->chunked = strcasestr(line, "chunked") != NULL;
        else if (!strncasecmp(line, "Connection:", 11))
            a->close = strcasestr(line, "close") != NULL;
    }
}

/* "Id":"..." of a short answer. */
static void client_take_id(struct client *c, size_t n)
{
    static const char key[] = "\"Id\":\"";
    const char *at = memmem(c->buf + c->at, n, key, sizeof(key) - 1);
    if (!at)
        return;
    at += sizeof(key) - 1;
    const char *end = memchr(at, '"', (size_t)(c->buf + c->at + n - at));
    if (end && (size_t)(end - at) < ID_MAX) {
        memcpy(c->id, at, (size_t)(end - at));
        c->id[end - at] = '\0';
    }
}

static bool body_counted(struct client *c, int64_t left, struct answer *a)
{
    bool first = true;
    while (left > 0) {
        if (c->at == c->n && !client_more(c))
            return false;
        size_t k = c->n - c->at;
        if ((int64_t)k > left)
            k = (size_t)left;
        if (first && (int64_t)k == left)
            client_take_id(c, k);
        first = false;
        c->at += k;
        left -= (int64_t)k;
        a->body += (int64_t)k;
    }
    return true;
}

static char *client_line(struct client *c)
{
    for (;;) {
        char *end = c->n > c->at ? memmem(c->buf + c->at, c->n - c->at, "\r\n", 2) : NULL;
        if (end) {
            char *line = c->buf + c->at;
            *end = '\0';
            c->at = (size_t)(end - c->buf) + 2;
            return line;
        }
        /* A line cut by the end of the buffer goes to its front. */
        memmove(c->buf, c->buf + c->at, c->n - c->at);
        c->n -= c->at;
        c->at = 0;
        if (c->n > HEAD_MAX || !client_more(c))
            return NULL;
    }
}

static bool body_chunked(struct client *c, struct answer *a)
{
    for (;;) {
        char *line = client_line(c);
        if (!line)
            return false;
        int64_t n = strtoll(line, NULL, 16);
        if (n > 0 && !body_counted(c, n, a))
            return false;
        if (!client_line(c))
            return false;
        if (n == 0)
            return true;
    }
}

static void body_to_end(struct client *c, struct answer *a)
{
    do {
        a->body += (int64_t)(c->n - c->at);
        c->at = c->n;
    } while (client_more(c));
}

/* Reads an answer; false: the peer went away in it. */
static bool client_answer(struct client *c, struct answer *a)
{
    char *head = client_head(c);
    *a = (struct answer){0};
    if (!head)
        return false;
    answer_parse(a, head);
    bool whole = true;
    if (a->status == 101 || (a->length < 0 && !a->chunked && a->status == 200)) {
        body_to_end(c, a);
        a->close = true;
    } else if (a->chunked) {
        whole = body_chunked(c, a);
    } else if (a->length > 0) {
        whole = body_counted(c, a->length, a);
    }
    if (!whole || a->close)
        client_close(c);
    return whole;
}

/* --- play */
struct line {
    char *method, *path, *body;
    bool upgrade;
};

struct job {
    struct line *lines;
    struct answer *answers;
    int64_t *ns;
    size_t n;
};

static struct job *jobs;
static size_t jobs_n, jobs_next;
static pthread_barrier_t barrier;

static void line_play(struct client *c, const struct line *l, struct answer *a)
{
    char *request = NULL, *path = NULL;
    const char *hole = strstr(l->path, "{}"), *body = l->body ? l->body : "";
    if (asprintf(&path, "%.*s%s%s", hole ? (int)(hole - l->path) : (int)strlen(l->path), l->path,
                 hole ? c->id : "", hole ? hole + 2 : "") < 0)
        abort();
    int n = asprintf(&request, "%s %s HTTP/1.1\r\nHost: bench\r\n%s%sContent-Length: %zu\r\n\r\n%s",
                     l->method, path, l->upgrade ? "Connection: Upgrade\r\nUpgrade: tcp\r\n" : "",
                     l->body ? "Content-Type: application/json\r\n" : "", strlen(body), body);
    if (n < 0)
        abort();
    if (c->fd < 0)
        client_connect(c);
    client_send(c, request, (size_t)n);
    if (!client_answer(c, a))
        a->status = 0;
    free(request);
    free(path);
}

static struct client client_new(void)
{
    struct client c = {.fd = -1, .buf = malloc(BUFFER)};
    if (!c.buf)
        abort();
    return c;
}

static void *play_thread(void *arg)
{
    struct client c = client_new();
    (void)arg;
    client_connect(&c);
    pthread_barrier_wait(&barrier);
    for (;;) {
        size_t i = __atomic_fetch_add(&jobs_next, 1, __ATOMIC_RELAXED);
        if (i >= jobs_n)
            break;
        for (size_t k = 0; k < jobs[i].n; k++) {
            int64_t start = now_ns();
            line_play(&c, &jobs[i].lines[k], &jobs[i].answers[k]);
            jobs[i].ns[k] = now_ns() - start;
        }
    }
    client_close(&c);
    free(c.buf);
    return NULL;
}

static struct line line_parse(char *text)
{
    struct line l = {.upgrade = *text == '+'};
    l.method = strdup(strtok(text + l.upgrade, " "));
    const char *path = strtok(NULL, " "), *body = strtok(NULL, "");
    if (!path) {
        fprintf(stderr, "load: a line is METHOD PATH [BODY]\n");
        exit(2);
    }
    l.path = strdup(path);
    l.body = body ? strdup(body) : NULL;
    return l;
}

static void jobs_read(void)
{
    char *text = NULL;
    size_t room = 0;
    ssize_t n;
    bool open = false;
    while ((n = getline(&text, &room, stdin)) > 0) {
        if (text[n - 1] == '\n')
            text[--n] = '\0';
        if (n == 0) {
            open = false;
            continue;
        }
        if (!open) {
            jobs = realloc(jobs, (jobs_n + 1) * sizeof(*jobs));
            jobs[jobs_n++] = (struct job){0};
            open = true;
        }
        struct job *j = &jobs[jobs_n - 1];
        j->lines = realloc(j->lines, (j->n + 1) * sizeof(*j->lines));
        j->lines[j->n++] = line_parse(text);
    }
    free(text);
    for (size_t i = 0; i < jobs_n; i++) {
        jobs[i].answers = calloc(jobs[i].n, sizeof(*jobs[i].answers));
        jobs[i].ns = calloc(jobs[i].n, sizeof(*jobs[i].ns));
    }
}

/* Runs `n` threads from one barrier to their end; nanoseconds. */
static int64_t threads_run(size_t n, void *(*run)(void *))
{
    pthread_t *threads = calloc(n, sizeof(*threads));
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128u << 10);
    pthread_barrier_init(&barrier, NULL, (unsigned)n + 1);
    for (size_t i = 0; i < n; i++)
        if ((errno = pthread_create(&threads[i], &attr, run, NULL)))
            die("thread");
    pthread_barrier_wait(&barrier);
    int64_t start = now_ns();
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    return now_ns() - start;
}

static int play(size_t clients)
{
    jobs_read();
    int64_t wall = threads_run(clients, play_thread);
    for (size_t i = 0; i < jobs_n; i++)
        for (size_t k = 0; k < jobs[i].n; k++)
            printf("%zu %zu %d %lld %lld\n", i, k, jobs[i].answers[k].status,
                   (long long)jobs[i].ns[k], (long long)jobs[i].answers[k].body);
    printf("wall %lld\n", (long long)wall);
    return 0;
}

/* --- rate: one thread, so that little of what is measured is the client's */
struct slot {
    int fd;
    char *buf;
    size_t n;
};

static void slot_close(struct slot *s)
{
    close(s->fd);
    s->fd = -1;
    s->n = 0;
}

static void slot_send(struct slot *s, int ep, const char *request, size_t n)
{
    if (s->fd < 0) {
        struct client c = {.fd = -1};
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
        client_connect(&c);
        s->fd = c.fd;
        if (epoll_ctl(ep, EPOLL_CTL_ADD, s->fd, &e) < 0)
            die("epoll");
    }
    if (send(s->fd, request, n, MSG_NOSIGNAL) != (ssize_t)n)
        die("send");
}

/* Whether the answer is whole; no body that is asked for here holds the end of a chunked one. */
static bool slot_whole(const struct slot *s)
{
    static const char end[] = "\r\n0\r\n\r\n", length[] = "\r\nContent-Length: ";
    const char *head = memmem(s->buf, s->n, "\r\n\r\n", 4);
    if (!head)
        return false;
    const char *said = memmem(s->buf, (size_t)(head - s->buf), length, sizeof(length) - 1);
    if (said)
        return s->n >= (size_t)(head - s->buf) + 4 + strtoul(said + sizeof(length) - 1, NULL, 10);
    return s->n >= sizeof(end) - 1 &&
           !memcmp(s->buf + s->n - sizeof(end) + 1, end, sizeof(end) - 1);
}

/* 1: an answer of 200, -1: none or another, 0: more is to come. */
static int slot_receive(struct slot *s)
{
    ssize_t k = recv(s->fd, s->buf + s->n, BUFFER - s->n, MSG_DONTWAIT);
    if (k < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (k <= 0)
        return -1;
    s->n += (size_t)k;
    if (!slot_whole(s))
        return s->n < BUFFER ? 0 : -1;
    static const char ok[] = "HTTP/1.1 200 ";
    return memcmp(s->buf, ok, sizeof(ok) - 1) ? -1 : 1;
}

static int rate(const char *path, size_t clients, int64_t ms, bool fresh)
{
    char *request = NULL;
    uint64_t done = 0, bad = 0;
    struct slot *slots = calloc(clients, sizeof(*slots));
    int ep = epoll_create1(EPOLL_CLOEXEC);
    int n = asprintf(&request, "GET %s HTTP/1.1\r\nHost: bench\r\n%s\r\n", path,
                     fresh ? "Connection: close\r\n" : "");
    if (!slots || ep < 0 || n < 0)
        abort();
    const int64_t start = now_ns(), end = start + ms * 1000000;
    for (size_t i = 0; i < clients; i++) {
        slots[i] = (struct slot){.fd = -1, .buf = malloc(BUFFER)};
        slot_send(&slots[i], ep, request, (size_t)n);
    }
    while (now_ns() < end) {
        struct epoll_event got[64];
        int k = epoll_wait(ep, got, 64, 1000);
        for (int i = 0; i < k; i++) {
            struct slot *s = got[i].data.ptr;
            int r = slot_receive(s);
            if (r == 0)
                continue;
            *(r > 0 ? &done : &bad) += 1;
            s->n = 0;
            if (fresh || r < 0)
                slot_close(s);
            slot_send(s, ep, request, (size_t)n);
        }
    }
    printf("%.1f %llu\n", (double)done * 1e9 / (double)(now_ns() - start), (unsigned long long)bad);
    return bad > 0;
}

/* --- time */
static int time_run(int runs, char **argv)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    for (int i = 0; i < runs; i++) {
        pid_t pid;
        int status;
        int64_t start = now_ns();
        if ((errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ)))
            die(argv[0]);
        while (waitpid(pid, &status, 0) < 0)
            if (errno != EINTR)
                die("wait");
        printf("%lld\n", (long long)(now_ns() - start));
        if (status) {
            fprintf(stderr, "load: %s: status %#x\n", argv[0], (unsigned)status);
            return 1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && !strcmp(argv[1], "time"))
        return time_run(atoi(argv[2]), argv + 3);
    socket_path = argc > 2 ? argv[2] : "";
    if (argc == 4 && !strcmp(argv[1], "play") && atoi(argv[3]) > 0)
        return play((size_t)atoi(argv[3]));
    if (argc >= 6 && !strcmp(argv[1], "rate") && atoi(argv[4]) > 0)
        return rate(argv[3], (size_t)atoi(argv[4]), atoi(argv[5]),
                    argc > 6 && !strcmp(argv[6], "new"));
    fprintf(stderr, "usage: load play SOCKET CLIENTS | rate SOCKET PATH CLIENTS MS [new] | "
                    "time RUNS COMMAND...\n");
    return 2;
}
