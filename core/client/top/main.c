/* SPDX-License-Identifier: Apache-2.0 */
/*
 * berth-top: the live view of all containers, what `berth top` without a container runs
 *
 * A program of its own, so that the client does not load ncurses. It draws when statistics or events come, a key is pressed, the
 * terminal changes its size, or a command that was begun by a key has ended; between that it sleeps. Commands are the client's:
 * `berth-top CLIENT HOST`.
 */
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/client.h"
#include "client/top-rows.h"

#define HEAD        2 /* lines above the rows */
#define FOOT        1
#define TOGETHER_MS 100 /* numbers that come within that are drawn at once */

static const char keys_line[] =
    "q quit  up/down select  c m n b p a sort  l logs  s stop  r restart  k kill";

struct view {
    struct client *client;
    const char *program, *host;
    struct stats_feed feed;
    struct top_rows rows;
    int signals, input; /* `input` is ready when a key or a signal is */
    char *message;      /* in the last line, instead of the keys */
    const char *asked;  /* the command that waits for a yes */
    char *asked_id, *asked_name;
    pid_t child;
    bool touched; /* by a key or a signal: to be drawn at once */
    int64_t drawn;
    bool over;
};

extern char **environ;

static void say(struct view *v, char *words)
{
    free(v->message);
    v->message = words;
}

/* --- the screen */

static void draw_text(int line, const char *text, bool reverse)
{
    if (reverse)
        attron(A_REVERSE);
    move(line, 0);
    clrtoeol();
    addnstr(text, -1);
    if (reverse)
        attroff(A_REVERSE);
}

static void draw(struct view *v)
{
    int lines = LINES - HEAD - FOOT;
    _cleanup_(freep) char *summary = top_rows_summary(&v->rows),
                          *titles = top_row_line(&v->rows, NULL, COLS),
                          *last = str_printf("%.*s", COLS - 1, v->message ? v->message : keys_line);
    top_rows_move(&v->rows, 0, lines);
    erase();
    draw_text(0, summary, false);
    draw_text(1, titles, true);
    for (int i = 0; i < lines && v->rows.first + (size_t)i < v->rows.n; i++) {
        const struct top_row *row = &v->rows.v[v->rows.first + (size_t)i];
        _cleanup_(freep) char *text = top_row_line(&v->rows, row, COLS);
        draw_text(HEAD + i, text, str_eq(row->id, v->rows.selected));
    }
    draw_text(LINES - 1, last, false);
    refresh();
}

static void resize(void)
{
    struct winsize w;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row > 0 && w.ws_col > 0)
        resizeterm(w.ws_row, w.ws_col);
    clear();
}

static void open_screen(void)
{
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    curs_set(0);
}

/* --- commands of the client */

static int spawn(struct view *v, char *const *argv, bool quiet)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    for (int fd = STDIN_FILENO; quiet && fd <= STDERR_FILENO; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    int r = posix_spawn(&v->child, v->program, &files, &attr, argv, environ);
    if (r != 0)
        v->child = 0;
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    return -r;
}

static void begin(struct view *v, const char *verb, const char *id, const char *name)
{
    char *argv[] = {(char *)(uintptr_t) "berth", (char *)(uintptr_t) "-H",
                    (char *)(uintptr_t)v->host,  (char *)(uintptr_t)verb,
                    (char *)(uintptr_t)id,       NULL};
    int r = spawn(v, argv, true);
    say(v, r < 0 ? str_printf("%s %s: %s", verb, name, strerror(-r))
                 : str_printf("%s %s ...", verb, name));
}

/* The logs take the screen until they end, or ctrl-c ends them; that is not for us. */
static void show_logs(struct view *v, const struct top_row *row)
{
    char *argv[] = {(char *)(uintptr_t) "berth",
                    (char *)(uintptr_t) "-H",
                    (char *)(uintptr_t)v->host,
                    (char *)(uintptr_t) "logs",
                    (char *)(uintptr_t) "-f",
                    (char *)(uintptr_t) "--tail",
                    (char *)(uintptr_t) "100",
                    row->id,
                    NULL};
    int status;
    endwin();
    printf("\033[H\033[JThe log of %s; ctrl-c leads back\n", row->name);
    fflush(stdout);
    int r = spawn(v, argv, false);
    while (r == 0 && waitpid(v->child, &status, 0) < 0 && errno == EINTR)
        ;
    v->child = 0;
    resize();
}

static void reap(struct view *v)
{
    int status;
    if (v->child == 0 || waitpid(v->child, &status, WNOHANG) != v->child)
        return;
    v->child = 0;
    bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    say(v, well ? NULL : str_printf("%s: it failed", v->message ? v->message : "the command"));
}

/* --- keys */

static void ask(struct view *v, const char *verb)
{
    const struct top_row *row = top_rows_selected(&v->rows, NULL);
    if (!row || v->child)
        return;
    v->asked = verb;
    free(v->asked_id);
    free(v->asked_name);
    v->asked_id = xstrdup(row->id);
    v->asked_name = xstrdup(row->name);
    say(v, str_printf("%s %s? y/n", verb, row->name));
}

static void answer(struct view *v, int key)
{
    const char *verb = v->asked;
    v->asked = NULL;
    say(v, NULL);
    if (key == 'y' || key == 'Y')
        begin(v, verb, v->asked_id, v->asked_name);
}

static bool sort_key(struct view *v, int key)
{
    static const struct {
        int key;
        enum top_key by;
    } keys[] = {{'c', TOP_CPU},   {'m', TOP_MEMORY}, {'n', TOP_NETWORK},
                {'b', TOP_BLOCK}, {'p', TOP_PIDS},   {'a', TOP_NAME}};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        if (keys[i].key != key)
            continue;
        top_rows_sort(&v->rows, keys[i].by);
        return true;
    }
    return false;
}

static void press(struct view *v, int key)
{
    const struct top_row *row = top_rows_selected(&v->rows, NULL);
    int lines = LINES - HEAD - FOOT;
    if (v->asked)
        answer(v, key);
    else if (key == 'q')
        v->over = true;
    else if (key == 'k')
        ask(v, "kill");
    else if (key == 's')
        ask(v, "stop");
    else if (key == 'r')
        ask(v, "restart");
    else if (key == 'l' && row && !v->child)
        show_logs(v, row);
    else if (key == KEY_DOWN || key == KEY_UP)
        top_rows_move(&v->rows, key == KEY_DOWN ? 1 : -1, lines);
    else if (key == KEY_NPAGE || key == KEY_PPAGE)
        top_rows_move(&v->rows, key == KEY_NPAGE ? lines : -lines, lines);
    else
        (void)sort_key(v, key);
}

static void take_signals(struct view *v)
{
    struct signalfd_siginfo s;
    while (read(v->signals, &s, sizeof(s)) == sizeof(s)) {
        v->touched = true;
        if (s.ssi_signo == SIGWINCH)
            resize();
        else if (s.ssi_signo == SIGCHLD)
            reap(v);
        else
            v->over = true;
    }
}

static void take_input(struct view *v)
{
    take_signals(v);
    for (int key; (key = getch()) != ERR; v->touched = true)
        press(v, key);
}

/* --- */

static int open_input(struct view *v, struct err *err)
{
    static const int taken[] = {SIGWINCH, SIGCHLD, SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_SIZE(taken); i++)
        sigaddset(&set, taken[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    v->input = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event keys = {.events = EPOLLIN}, signals = {.events = EPOLLIN};
    if (v->signals < 0 || v->input < 0 ||
        epoll_ctl(v->input, EPOLL_CTL_ADD, STDIN_FILENO, &keys) < 0 ||
        epoll_ctl(v->input, EPOLL_CTL_ADD, v->signals, &signals) < 0)
        return err_errno(err, -errno, "waiting for keys");
    return 0;
}

/* Milliseconds until news are to be drawn; -1: there are none. */
static int until_draw(const struct view *v)
{
    int64_t left = v->drawn + TOGETHER_MS - time_mono_ns() / NS_PER_MS;
    return !v->feed.news ? -1 : left > 0 ? (int)left : 0;
}

static int run(struct view *v)
{
    int r = 0;
    while (r == 0 && !v->over) {
        if (v->touched || until_draw(v) == 0) {
            if (v->feed.news)
                top_rows_take(&v->rows, &v->feed);
            v->feed.news = v->touched = false;
            draw(v);
            v->drawn = time_mono_ns() / NS_PER_MS;
        }
        r = stats_feed_wait(&v->feed, v->input, until_draw(v));
        take_input(v);
    }
    return r;
}

static void set_locale(void)
{
    setlocale(LC_CTYPE, "");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv)
{
    struct client c = {0};
    struct view v = {.client = &c};
    const struct strv no_names = {0};
    if (argc != 3)
        return 1;
    v.program = argv[1];
    v.host = argv[2];
    c.host = argv[2];
    signal(SIGPIPE, SIG_IGN);
    set_locale();
    int r = open_input(&v, &c.err);
    r = r < 0 ? r : stats_feed_open(&v.feed, &c, &no_names, true, false);
    if (r == 0) {
        v.feed.news = v.touched = true;
        open_screen();
        r = run(&v);
        endwin();
    }
    return r < 0 ? cli_fail(&c, 1) : 0;
}
