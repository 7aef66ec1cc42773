/* SPDX-License-Identifier: Apache-2.0 */
/* Standard streams: pipes or a pty, to the log and the clients, and back. */
#include "shim/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"
#include "shim/logger.h"
#include "shim/shim.h"

#define READ_CHUNK (64u << 10)
#define PIPE_SIZE  (1 << 20)
#define TTY_EOF    "\x04"

static void set_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Best effort: a larger pipe means fewer wake-ups, a small one works as well. */
static int open_pipe(int *ours, int *child, bool child_reads, bool small)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC) < 0)
        return -errno;
    *ours = child_reads ? p[1] : p[0];
    *child = child_reads ? p[0] : p[1];
    set_nonblocking(*ours);
    if (!child_reads && !small)
        fcntl(*ours, F_SETPIPE_SZ, PIPE_SIZE);
    return 0;
}

int stdio_open(struct stdio *io, struct task *t, const struct process *p, int child[3],
               struct err *err)
{
    *io = (struct stdio){.shim = t->shim, .task = t, .tty = p->tty, .in = -1, .out = {-1, -1}};
    io->lazy = t->quiet;
    child[0] = child[1] = child[2] = -1;
    if (p->tty)
        return 0;
    int r = 0;
    if (p->stdin_open)
        r = open_pipe(&io->in, &child[0], true, true);
    else if ((child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
        r = -errno;
    for (int i = 0; i < (t->quiet ? 1 : 2) && r == 0; i++)
        r = open_pipe(&io->out[i], &child[i + 1], false, t->quiet);
    if (r == 0 && t->quiet && (child[2] = fcntl(child[1], F_DUPFD_CLOEXEC, 3)) < 0)
        r = -errno; /* a check's output is one, in the order in which it came */
    return r < 0 ? err_errno(err, r, "making the pipes of standard input and output") : 0;
}

static void drop_output(struct stdio *io, int i)
{
    if (io->out_io[i])
        loop_io_del(io->out_io[i]);
    io->out_io[i] = NULL;
    close_fd(steal_fd(&io->out[i]));
    if (io->log)
        logger_eof(io->log, i + 1);
}

static void check_end(struct stdio *io)
{
    if (io->ended || !io->finishing || io->out[0] >= 0 || io->out[1] >= 0)
        return;
    io->ended = true;
    clients_close(io);
    if (io->on_end)
        io->on_end(io);
}

/* One read. False when there is nothing more now, or for ever. */
static bool read_output(struct stdio *io, int i)
{
    static char chunk[READ_CHUNK];
    ssize_t n = read(io->out[i], chunk, sizeof(chunk));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) { /* a pty without a slave says EIO */
        drop_output(io, i);
        return false;
    }
    if (io->log)
        logger_feed(io->log, i + 1, chunk, (size_t)n);
    if (io->on_output)
        io->on_output(io, chunk, (size_t)n);
    client_output(io, i + 1, chunk, (size_t)n);
    return true;
}

static void on_output(struct stdio *io, int i)
{
    read_output(io, i);
    stdio_update(io);
    check_end(io);
}

static void on_stdout(void *arg, uint32_t events)
{
    on_output(arg, 0);
}

static void on_stderr(void *arg, uint32_t events)
{
    on_output(arg, 1);
}

void stdio_update(struct stdio *io)
{
    bool slow = !io->finishing && clients_are_slow(io);
    slow |= reexec_is_pending(io->shim); /* the next image reads on */
    bool pause = slow || io->lazy || (io->log && logger_is_full(io->log));
    for (int i = 0; i < 2; i++) {
        if (io->out_io[i] && pause) {
            /* Not with an empty mask: a hang-up would still be reported, over and over. */
            loop_io_del(io->out_io[i]);
            io->out_io[i] = NULL;
        } else if (!io->out_io[i] && !pause && io->out[i] >= 0) {
            io->out_io[i] =
                loop_io_add(io->shim->loop, io->out[i], EPOLLIN, i ? on_stderr : on_stdout, io);
        }
    }
}

static void drop_input(struct stdio *io)
{
    if (io->in_io)
        loop_io_del(io->in_io);
    io->in_io = NULL;
    close_fd(steal_fd(&io->in));
    buf_fini(&io->in_buf);
    io->in_off = 0;
}

static void on_input(void *arg, uint32_t events);

/* Writes what waits; watches for room only while something does. */
static void push_input(struct stdio *io)
{
    while (io->in >= 0 && io->in_off < io->in_buf.len) {
        ssize_t n = write(io->in, io->in_buf.s + io->in_off, io->in_buf.len - io->in_off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            if (!io->in_io)
                io->in_io = loop_io_add(io->shim->loop, io->in, EPOLLOUT, on_input, io);
            return;
        }
        if (n < 0)
            drop_input(io); /* nobody reads any more */
        else
            io->in_off += (size_t)n;
    }
    if (io->in_io) {
        loop_io_del(io->in_io);
        io->in_io = NULL;
    }
    buf_fini(&io->in_buf);
    io->in_off = 0;
    if (io->in_closing)
        drop_input(io);
}

static void on_input(void *arg, uint32_t events)
{
    struct stdio *io = arg;
    push_input(io);
    clients_update(io);
}

void stdio_input(struct stdio *io, const char *data, size_t n)
{
    if (io->in < 0)
        return;
    if (n)
        buf_add(&io->in_buf, data, n);
    else if (io->tty)
        buf_adds(&io->in_buf, TTY_EOF);
    else
        io->in_closing = true;
    push_input(io);
}

void stdio_close_in(struct stdio *io)
{
    stdio_input(io, NULL, 0);
}

void stdio_console(struct stdio *io, int master)
{
    set_nonblocking(master);
    io->out[0] = master;
    io->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
    stdio_update(io);
}

int stdio_resize(struct stdio *io, int64_t rows, int64_t cols, struct err *err)
{
    if (rows < 0 || rows > USHRT_MAX || cols < 0 || cols > USHRT_MAX)
        return err_set(err, -EINVAL, "a window of %lld by %lld is not possible", (long long)rows,
                       (long long)cols);
    if (!io->tty)
        return 0; /* as Docker's: nothing to be done */
    struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols};
    if (ioctl(io->in, TIOCSWINSZ, &size) < 0)
        return err_set(err, -ESRCH, "the terminal is gone");
    return 0;
}

void stdio_finish(struct stdio *io)
{
    io->finishing = true;
    drop_input(io);
    clients_update(io);
    stdio_update(io);
    check_end(io);
}

static void read_now(struct stdio *io, int i)
{
    size_t left = PIPE_SIZE; /* what a writer that is not ours adds meanwhile does not count */
    while (io->out[i] >= 0 && left >= READ_CHUNK && read_output(io, i))
        left -= READ_CHUNK;
}

void stdio_read_now(struct stdio *io)
{
    for (int i = 0; i < 2; i++)
        read_now(io, i);
}

void stdio_cut(struct stdio *io)
{
    for (int i = 0; i < 2; i++) {
        read_now(io, i);
        if (io->out[i] >= 0)
            drop_output(io, i);
    }
    check_end(io);
}

json_t *stdio_save(const struct stdio *io, struct saving *v)
{
    json_t *o = json_object();
    json_put_bool(o, "tty", io->tty);
    json_put_bool(o, "close_on_eof", io->close_on_eof);
    json_put_bool(o, "in_closing", io->in_closing);
    json_put_bool(o, "ended", io->ended);
    save_fd(v, o, "in", io->in);
    save_fd(v, o, "out", io->out[0]);
    save_fd(v, o, "err", io->out[1]);
    if (!v->full)
        return o;
    save_blob(v, o, "input", io->in_buf.s + io->in_off, io->in_buf.len - io->in_off);
    json_put_take(o, "clients", clients_save(io, v));
    return o;
}

void stdio_load(struct stdio *io, struct task *t, const json_t *o, const struct restoring *r)
{
    *io = (struct stdio){.shim = t->shim,
                         .task = t,
                         .tty = json_bool(o, "tty", false),
                         .close_on_eof = json_bool(o, "close_on_eof", false),
                         .in_closing = json_bool(o, "in_closing", false),
                         .ended = json_bool(o, "ended", false),
                         .in = restore_fd(o, "in"),
                         .out = {restore_fd(o, "out"), restore_fd(o, "err")}};
    struct blob input = restore_blob(r, o, "input");
    if (input.n)
        buf_add(&io->in_buf, input.data, input.n);
    clients_load(io, json_arr(o, "clients"), r);
    if (io->in >= 0)
        push_input(io);
}

void stdio_fini(struct stdio *io)
{
    if (!io->shim)
        return;
    clients_free(io);
    drop_input(io);
    for (int i = 0; i < 2; i++) {
        if (io->out_io[i])
            loop_io_del(io->out_io[i]);
        close_fd(steal_fd(&io->out[i]));
    }
}
