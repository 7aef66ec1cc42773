/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard streams of a task
 *
 * Reads stdout and stderr (or the pty), hands what came to the log and to every attached client, and brings the
 * clients' input to stdin. Nothing blocks: a client that does not read, or a full log queue, pauses the reading, and
 * the process waits on its own pipe.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "shim/plan.h"

struct shim;
struct task;
struct client;
struct loop_io;
struct logger;

struct stdio {
    struct shim *shim;
    struct task *task;
    bool tty, close_on_eof; /* the client's end of input is the process's */
    int in, out[2];         /* out[0]: stdout or the pty */
    struct loop_io *in_io, *out_io[2];
    struct buf in_buf; /* input that stdin did not take yet */
    size_t in_off;
    bool in_closing;
    bool lazy;      /* output is not looked at while it fits into its pipe */
    bool finishing; /* the process is gone: clients hold up nothing any more */
    bool ended;     /* output was read to its end */
    struct client *clients;
    struct logger *log; /* NULL: not logged */
    void (*on_end)(struct stdio *io);
    void (*on_output)(struct stdio *io, const char *data, size_t n); /* or NULL */
};

/* `child[3]` gets the child's ends (-1 each with a tty). */
int stdio_open(struct stdio *io, struct task *t, const struct process *p, int child[3],
               struct err *err);
/* The pty's master has come; taken over. */
void stdio_console(struct stdio *io, int master);
void stdio_fini(struct stdio *io);
/* Takes `fd` over, also on failure. */
int stdio_attach(struct stdio *io, int fd, bool in, bool out, bool errs, struct err *err);
/* Closes stdin when what is still to be written to it has gone. */
void stdio_close_in(struct stdio *io);
int stdio_resize(struct stdio *io, int64_t rows, int64_t cols, struct err *err);
/* Starts or stops reading as clients and the log allow. */
void stdio_update(struct stdio *io);
/* The process was reaped: reads to the end without waiting for clients, then calls on_end. */
void stdio_finish(struct stdio *io);
/* Reads what is there. */
void stdio_read_now(struct stdio *io);
/* Takes what can be had now as all there is (another process holds the pipe). */
void stdio_cut(struct stdio *io);

struct saving;
struct restoring;
json_t *stdio_save(const struct stdio *io, struct saving *v);
/* Descriptors and clients; reading begins with stdio_update(). */
void stdio_load(struct stdio *io, struct task *t, const json_t *o, const struct restoring *r);

/* client.c */
json_t *clients_save(const struct stdio *io, struct saving *v);
void clients_load(struct stdio *io, const json_t *list, const struct restoring *r);
void client_output(struct stdio *io, int stream, const char *data, size_t n);
bool clients_are_slow(const struct stdio *io);
/* Stdin can or cannot take more. */
void clients_update(struct stdio *io);
/* Closes each as soon as it has read what is left for it. */
void clients_close(struct stdio *io);
void clients_free(struct stdio *io);
/* Input of a client's, or its end (n 0). */
void stdio_input(struct stdio *io, const char *data, size_t n);
