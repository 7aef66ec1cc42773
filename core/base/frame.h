/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: the wire of shim and netd
 *
 * A frame is a 32-bit little-endian length and that many bytes of JSON, over a unix stream socket; descriptors ride
 * on the frame's first byte. A frame has at most 4 MiB and 32 descriptors.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

#define FRAME_MAX     (4u << 20)
#define FRAME_FDS_MAX 32

/* Writes one frame, blocking (also on a non-blocking socket, by poll). The descriptors stay the caller's. Negative
 * errno. Two threads may not send at once. */
int frame_send(int sock, const json_t *msg, const int *fds, size_t nfds);
/* The same, for a peer that may have stopped reading. -ETIMEDOUT: nothing has left; -EPIPE: the connection is of no use any more. */
int frame_send_within(int sock, const json_t *msg, const int *fds, size_t nfds, int64_t timeout_ms);

/* Incremental reader of one connection: for event loops and for blocking callers alike. Zero-initialise. */
struct frame_reader {
    struct buf in;
    int fds[FRAME_FDS_MAX]; /* received, not yet handed out */
    size_t nfds;
};
void frame_reader_fini(struct frame_reader *r);
/* Reads what is there (one recvmsg). 1: something came, 0: the peer closed, negative errno (-EAGAIN: nothing yet). */
int frame_fill(struct frame_reader *r, int sock);
/* Takes the next whole frame: 1 and *msg (the caller's), 0 when none is complete, -EBADMSG when the stream is not
 * frames. Descriptors that came so far are in r->fds; take them with frame_take_fds() before the next fill. */
int frame_next(struct frame_reader *r, json_t **msg);
/* Moves up to `max` received descriptors into `fds`, returns how many. The rest are closed. */
size_t frame_take_fds(struct frame_reader *r, int *fds, size_t max);
/* The same for one of several frames in a row that says how many are its own: the rest stay for those behind it. */
size_t frame_claim_fds(struct frame_reader *r, int *fds, size_t n);
/* Blocking: waits for one whole frame, at most timeout_ms (-1: for ever). -ETIMEDOUT, -ECONNRESET (closed), … */
int frame_recv(struct frame_reader *r, int sock, int timeout_ms, json_t **msg);

/* Binds or connects a unix stream socket below a directory through /proc/self/fd/N, so that no path meets the
 * 108-byte limit. Negative errno; connecting never waits: -ETIMEDOUT where the listener has a full queue. */
int frame_listen_at(int dirfd, const char *name, mode_t mode);
int frame_connect_at(int dirfd, const char *name);
