/* SPDX-License-Identifier: Apache-2.0 */
/* An attached session. */
#include "client/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#include "client/client.h"
#include "client/http.h"

static struct termios saved_termios;
static bool raw_mode;

static void restore_terminal(void)
{
    if (raw_mode)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &saved_termios);
    raw_mode = false;
}

static void enter_raw_mode(void)
{
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved_termios) < 0)
        return;
    struct termios t = saved_termios;
    cfmakeraw(&t);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &t) < 0)
        return;
    raw_mode = true;
    atexit(restore_terminal);
}

/* The signals that are read, not taken: those that are passed on to the container, or, where the terminal has to be
 * put back before we die of them, those that end us; and the terminal's size always. */
static void signals_read(const struct session *s, sigset_t *set)
{
    static const int passed[] = {SIGUSR1, SIGUSR2, SIGCONT};
    static const int fatal[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    sigemptyset(set);
    sigaddset(set, SIGWINCH);
    for (size_t i = 0; s->kill_path && i < ARRAY_SIZE(passed); i++)
        sigaddset(set, passed[i]);
    for (size_t i = 0; (s->kill_path || raw_mode) && i < ARRAY_SIZE(fatal); i++)
        sigaddset(set, fatal[i]);
}

static void die_of(int signal_number)
{
    sigset_t set;
    restore_terminal();
    signal(signal_number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void session_begin(struct session *s)
{
    sigset_t set;
    if (s->tty && s->stdin_on)
        enter_raw_mode();
    signals_read(s, &set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static void send_size(struct session *s, int more)
{
    struct winsize w;
    if (!s->tty || !s->resize_path || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row == 0)
        return;
    _cleanup_(freep) char *path =
        str_printf("%s?h=%d&w=%d", s->resize_path, w.ws_row + more, w.ws_col + more);
    _cleanup_(err_fini) struct err ignored = {0}; /* the container may be gone already */
    http_json_from(s->client, "POST", path, NULL, NULL, &ignored);
}

void session_resize(struct session *s)
{
    send_size(s, 0);
}

void session_redraw(struct session *s)
{
    send_size(s, 1);
}

/* All of it, also where the other end of our stdout made it non-blocking. */
static int write_out(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, data, n);
        if (done < 0 && errno == EAGAIN) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, -1);
        } else if (done < 0 && errno != EINTR) {
            return -errno;
        } else if (done > 0) {
            data += done;
            n -= (size_t)done;
        }
    }
    return 0;
}

int demux_feed(struct demux *d, const char *data, size_t n)
{
    while (n > 0) {
        if (d->left == 0) {
            d->header[d->have++] = (unsigned char)*data++;
            n--;
            if (d->have < 8)
                continue;
            d->have = 0;
            if (d->header[0] > 2 || d->header[1] || d->header[2] || d->header[3])
                return -EBADMSG;
            d->left = (size_t)d->header[4] << 24 | (size_t)d->header[5] << 16 |
                      (size_t)d->header[6] << 8 | d->header[7];
            continue;
        }
        size_t part = MIN(n, d->left);
        int r = write_out(d->header[0] == 2 ? STDERR_FILENO : STDOUT_FILENO, data, part);
        if (r < 0)
            return r;
        data += part;
        n -= part;
        d->left -= part;
    }
    return 0;
}

static int deliver(struct session *s, struct demux *d, const char *data, size_t n)
{
    return s->raw ? write_out(STDOUT_FILENO, data, n) : demux_feed(d, data, n);
}

static void pass_signal(struct session *s, int sigfd)
{
    struct signalfd_siginfo info;
    if (read(sigfd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH) {
        session_resize(s);
        return;
    }
    if (!s->kill_path) {
        die_of((int)info.ssi_signo);
        return;
    }
    _cleanup_(freep) char *path = str_printf("%s?signal=%u", s->kill_path, info.ssi_signo);
    _cleanup_(err_fini) struct err ignored = {0};
    http_json_from(s->client, "POST", path, NULL, NULL, &ignored);
}

struct outgoing {
    char data[32768];
    size_t at, n;
    bool open; /* stdin has more */
};

/* The container's end of the stream sees the keys as well and ends it; here they only say what that end means. */
static void watch_keys(struct session *s, const char *data, size_t n)
{
    _cleanup_(buf_fini) struct buf passed = {0};
    if (s->detach && detach_feed(s->detach, data, n, &passed))
        s->detached = true;
}

static void read_stdin(struct session *s, struct outgoing *o)
{
    ssize_t n = read(STDIN_FILENO, o->data, sizeof(o->data));
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n <= 0) {
        o->open = false;
        shutdown(s->fd, SHUT_WR);
        return;
    }
    o->at = 0;
    o->n = (size_t)n;
    watch_keys(s, o->data, o->n);
    if (s->detached)
        o->open = false;
}

static void send_stdin(struct session *s, struct outgoing *o)
{
    ssize_t n = send(s->fd, o->data + o->at, o->n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        o->open = false; /* nobody reads it any more; output may still come */
        o->n = 0;
    }
    if (n > 0) {
        o->at += (size_t)n;
        o->n -= (size_t)n;
    }
}

/* Output on a thread of its own: a slow reader of ours holds up neither stdin nor signals. */
struct output {
    struct session *s;
    pthread_t thread;
    int done, ended; /* the two ends of a pipe; the thread closes `ended` */
    int result;
};

static int copy_output(struct session *s)
{
    struct demux demux = {0};
    char chunk[65536];
    int r = s->early.len ? deliver(s, &demux, s->early.s, s->early.len) : 0;
    while (r == 0) {
        ssize_t n = recv(s->fd, chunk, sizeof(chunk), 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return 0;
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0)
            r = deliver(s, &demux, chunk, (size_t)n);
    }
    return r;
}

static void *output_main(void *arg)
{
    struct output *o = arg;
    o->result = copy_output(o->s);
    close_fd(o->ended);
    return NULL;
}

int session_open(struct session *s)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    struct output *o = xcalloc(1, sizeof(*o));
    *o = (struct output){.s = s, .done = ends[0], .ended = ends[1]};
    int r = pthread_create(&o->thread, NULL, output_main, o);
    if (r == 0) {
        s->output = o;
        return 0;
    }
    close_fd(ends[0]);
    close_fd(ends[1]);
    free(o);
    return -r;
}

/* What became of the output. */
static int output_join(struct session *s)
{
    struct output *o = steal_ptr(&s->output);
    if (!o)
        return 0;
    pthread_join(o->thread, NULL);
    int r = o->result;
    close_fd(o->done);
    free(o);
    return r;
}

/* stdin and signals, until the output has ended. */
static int copy_input(struct session *s, int sigfd, int done)
{
    struct outgoing o = {.open = s->stdin_on};
    for (;;) {
        struct pollfd p[] = {{.fd = done, .events = POLLIN},
                             {.fd = sigfd, .events = POLLIN},
                             {.fd = o.open && o.n == 0 ? STDIN_FILENO : -1, .events = POLLIN},
                             {.fd = o.n > 0 ? s->fd : -1, .events = POLLOUT}};
        if (poll(p, ARRAY_SIZE(p), -1) < 0) {
            if (errno != EINTR)
                return -errno;
            continue;
        }
        if (p[0].revents)
            return 0;
        if (p[1].revents)
            pass_signal(s, sigfd);
        if (p[2].revents)
            read_stdin(s, &o);
        if (p[3].revents)
            send_stdin(s, &o);
    }
}

int session_run(struct session *s)
{
    sigset_t set;
    signals_read(s, &set);
    _cleanup_(closep) int sigfd = signalfd(-1, &set, SFD_CLOEXEC);
    int r = sigfd < 0 ? -errno : s->output ? 0 : session_open(s);
    if (r == 0)
        r = copy_input(s, sigfd, s->output->done);
    if (r < 0)
        shutdown(s->fd, SHUT_RDWR);
    int out = output_join(s);
    restore_terminal();
    return r < 0 ? r : out;
}

void session_fini(struct session *s)
{
    if (s->output) { /* the container was not started */
        shutdown(s->fd, SHUT_RDWR);
        (void)output_join(s);
    }
    restore_terminal();
    close_fd(s->fd);
    s->fd = -1;
    buf_fini(&s->early);
}
