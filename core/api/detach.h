/* SPDX-License-Identifier: Apache-2.0 */
/* The key sequence that ends an attachment and leaves the container running. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define DETACH_KEYS_MAX     32
#define DETACH_KEYS_DEFAULT "ctrl-p,ctrl-q"

/* Zero-initialised: no sequence, everything passes. */
struct detach {
    unsigned char keys[DETACH_KEYS_MAX];
    size_t n;
    size_t held; /* how much of the sequence has been seen and not passed on */
};

/* Parses "ctrl-p,ctrl-q", "a,b", "ctrl-@", "DEL". NULL or "": the default. -EINVAL in words. */
int detach_parse(struct detach *d, const char *spec, struct err *err);
/* Adds to `out` what of these bytes goes to the container. True when the sequence is complete: what
 * follows it is dropped. */
bool detach_feed(struct detach *d, const char *data, size_t n, struct buf *out);
/* Adds what was held back: the client's input has ended. */
void detach_flush(struct detach *d, struct buf *out);
