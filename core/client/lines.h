/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's stream of JSON lines about long work on images: progress, words to print, and at worst an error. */
#pragma once

#include <stdbool.h>

#include "base/str.h"
#include "client/meter.h"

struct client;

/* Zero-initialise. */
struct lines {
    bool quiet;          /* the last status is not printed */
    struct meter *meter; /* shows what the lines say of progress; NULL: nothing does */
    struct buf line;
    char *status, *error;
};

/* For http_stream() and http_upload(), with the lines as ctx. */
int lines_data(void *ctx, const char *data, size_t n);
/* The end of the stream; `r` is the request's. An error in it is the request's, too: -EIO. Frees what the lines hold. */
int lines_end(struct client *c, struct lines *l, int r);
