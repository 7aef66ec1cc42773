/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body as a descriptor that the engine reads on a thread of its own. */
#pragma once

#include <stddef.h>

#include "base/err.h"

struct upload;

/* Starts `work(ctx, fd, err)` on a thread; ctx and fd are the caller's resp. the upload's and live
 * until upload_finish() or upload_free() has returned. */
int upload_start(struct upload **out, int (*work)(void *ctx, int fd, struct err *err), void *ctx,
                 struct err *err);
/* Blocks while the worker is behind. Once the worker has ended, the rest of the body is dropped. */
void upload_write(struct upload *u, const char *data, size_t n);
/* The body is complete: the worker sees its end; returns what the worker returned. */
int upload_finish(struct upload *u, struct err *err);
/* An upload that was not finished ends with ECONNRESET for the worker, never with a clean end. */
void upload_free(struct upload *u);
DEFINE_CLEANUP(struct upload *, upload_free);
