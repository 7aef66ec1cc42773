/* SPDX-License-Identifier: Apache-2.0 */
/* An attached session: a hijacked connection joined to this terminal's stdin, stdout and stderr. */
#pragma once

#include <stdbool.h>

#include "api/detach.h"
#include "base/str.h"

struct client;
struct output;

struct session {
    struct client *client;
    int fd; /* the connection; the session's */
    struct buf early;
    bool raw; /* not multiplexed */
    bool stdin_on;
    bool tty;                /* put our terminal into raw mode */
    const char *resize_path; /* "/containers/ID/resize" or "/exec/ID/resize"; NULL: none */
    const char *kill_path;   /* "/containers/ID/kill": signals are passed on; NULL: not */
    struct detach *detach;   /* with stdin and a tty: the keys that end the session; NULL: none */
    bool detached;           /* they were typed: the container goes on */
    struct output *output;   /* from session_open() to session_run() */
};

/* Puts the terminal into raw mode if `tty` (restored by session_fini), blocks the signals that are to be passed on. */
void session_begin(struct session *s);
/* Output begins to be copied: on a thread of its own, which comes up while the daemon starts the container. */
int session_open(struct session *s);
/* Copies until the connection ends, opening what session_open() has not opened. 0 or a negative errno (-EPIPE: nobody reads our output any more). */
int session_run(struct session *s);
/* Tells the daemon the size of our terminal. */
void session_resize(struct session *s);
/* Makes a program that was there before us draw its screen again: its terminal becomes larger for a moment. To be followed
 * by session_resize(). */
void session_redraw(struct session *s);
void session_fini(struct session *s);

/* Cuts Docker's multiplexed stream: zero-initialise; feed it what comes. */
struct demux {
    unsigned char header[8];
    size_t have; /* bytes of the header */
    size_t left; /* of the frame's data */
};
/* Writes data to fd 1 and 2; 0 or a negative errno (-EBADMSG: not such a stream). */
int demux_feed(struct demux *d, const char *data, size_t n);
