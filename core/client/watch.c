/* SPDX-License-Identifier: Apache-2.0 */
/* A list that follows the daemon's events. */
#include "client/watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "client/events-feed.h"

/* From the top of an own screen, lines cut at its edge; and back to what was there before. */
#define SCREEN_OPEN  "\033[?1049h\033[?7l\033[?25l"
#define SCREEN_HOME  "\033[H"
#define SCREEN_REST  "\033[J"
#define SCREEN_CLOSE "\033[?25h\033[?7h\033[?1049l"

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

static int draw(struct client *c, const struct args *a, bool screen,
                int (*list)(struct client *c, const struct args *a))
{
    fputs(screen ? SCREEN_HOME SCREEN_REST : "", stdout);
    int r = list(c, a);
    return r == 0 && fflush(stdout) != 0 ? -EPIPE : r;
}

/* Waits for an event or a signal: 1 to draw again, 0 to end. What else has come meanwhile is taken with it. */
static int wait_news(struct events_feed *events, int signals, struct err *err)
{
    struct pollfd p[] = {{.fd = events->x.fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    events->news = false;
    for (int timeout = -1;; timeout = events->news ? 0 : -1) {
        int n = poll(p, ARRAY_SIZE(p), timeout), r = 0;
        if (n < 0 && errno != EINTR)
            return err_errno(err, -errno, "poll");
        if (n == 0)
            return 1;
        struct signalfd_siginfo s;
        if (p[1].revents && read(signals, &s, sizeof(s)) == sizeof(s))
            return s.ssi_signo == SIGWINCH;
        if (p[0].revents)
            r = events_feed_read(events);
        if (r < 0)
            return r;
    }
}

int watch_list(struct client *c, const struct args *a,
               int (*list)(struct client *c, const struct args *a))
{
    struct events_feed events;
    bool screen = isatty(STDOUT_FILENO);
    _cleanup_(closep) int signals = open_signals();
    int r = signals < 0 ? err_errno(&c->err, -errno, "signalfd") : 0, more = 1;
    r = r < 0 ? r : events_feed_open(&events, c, NULL);
    if (r < 0)
        return r;
    fputs(screen ? SCREEN_OPEN : "", stdout);
    while (r == 0 && more > 0) {
        r = draw(c, a, screen, list);
        more = r < 0 ? 0 : wait_news(&events, signals, &c->err);
    }
    fputs(screen ? SCREEN_CLOSE : "", stdout);
    fflush(stdout);
    events_feed_close(&events);
    return r < 0 && r != -EPIPE ? r : MIN(more, 0);
}
