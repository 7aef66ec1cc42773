/* SPDX-License-Identifier: Apache-2.0 */
/* An attached session. */
#include "client/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>

#include "base/fs.h"
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

/* The signals that are the container's business while we are attached. */
static void proxied(sigset_t *set)
{
    static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                  SIGUSR1, SIGUSR2, SIGCONT, SIGWINCH};
    sigemptyset(set);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaddset(set, signals[i]);
}

void session_begin(struct session *s)
{
    sigset_t set;
    proxied(&set);
    if (!s->kill_path) {
        sigemptyset(&set);
        sigaddset(&set, SIGWINCH);
    }
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (s->tty && s->stdin_on)
        enter_raw_mode();
}

void session_fini(struct session *s)
{
    restore_terminal();
    close_fd(s->fd);
    s->fd = -1;
    buf_fini(&s->early);
}

void session_resize(struct session *s)
{
    struct winsize w;
    if (!s->tty || !s->resize_path || ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row == 0)
        return;
    _cleanup_(freep) char *path = str_printf("%s?h=%d&w=%d", s->resize_path, w.ws_row, w.ws_col);
    _cleanup_(err_fini) struct err ignored = {0}; /* the container may be gone already */
    http_json_from(s->client, "POST", path, NULL, NULL, NULL, NULL, &ignored);
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
        int r = fs_write_all(d->header[0] == 2 ? STDERR_FILENO : STDOUT_FILENO, data, part);
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
    return s->raw ? fs_write_all(STDOUT_FILENO, data, n) : demux_feed(d, data, n);
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
    _cleanup_(freep) char *path = str_printf("%s?signal=%u", s->kill_path, info.ssi_signo);
    _cleanup_(err_fini) struct err ignored = {0};
    http_json_from(s->client, "POST", path, NULL, NULL, NULL, NULL, &ignored);
}

struct outgoing {
    char data[32768];
    size_t at, n;
    bool open; /* stdin has more */
};

/* Moves stdin towards the connection; half-closes it at the end. */
static int pump_stdin(struct session *s, struct outgoing *o, short in, short out)
{
    if (o->n == 0 && in) {
        ssize_t n = read(STDIN_FILENO, o->data, sizeof(o->data));
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            return 0;
        if (n <= 0) {
            o->open = false;
            shutdown(s->fd, SHUT_WR);
            return 0;
        }
        o->at = 0;
        o->n = (size_t)n;
        out = 1;
    }
    if (o->n > 0 && out) {
        ssize_t n = send(s->fd, o->data + o->at, o->n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            o->open = false;
            o->n = 0;
            return 0;
        }
        if (n > 0) {
            o->at += (size_t)n;
            o->n -= (size_t)n;
        }
    }
    return 0;
}

static int copy(struct session *s, int sigfd)
{
    struct demux demux = {0};
    struct outgoing o = {.open = s->stdin_on};
    char chunk[65536];
    int r = s->early.len ? deliver(s, &demux, s->early.s, s->early.len) : 0;
    while (r == 0) {
        struct pollfd p[3] = {{.fd = s->fd, .events = (short)(POLLIN | (o.n ? POLLOUT : 0))},
                              {.fd = o.open && o.n == 0 ? STDIN_FILENO : -1, .events = POLLIN},
                              {.fd = sigfd, .events = POLLIN}};
        if (poll(p, 3, -1) < 0 && errno != EINTR)
            return -errno;
        if (p[2].revents)
            pass_signal(s, sigfd);
        pump_stdin(s, &o, p[1].revents, p[0].revents & POLLOUT);
        if (!(p[0].revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        ssize_t n = recv(s->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0)
            r = deliver(s, &demux, chunk, (size_t)n);
    }
    return r;
}

int session_run(struct session *s)
{
    sigset_t set;
    proxied(&set);
    if (!s->kill_path) {
        sigemptyset(&set);
        sigaddset(&set, SIGWINCH);
    }
    _cleanup_(closep) int sigfd = signalfd(-1, &set, SFD_CLOEXEC);
    int r = sigfd < 0 ? -errno : copy(s, sigfd);
    restore_terminal();
    return r;
}
