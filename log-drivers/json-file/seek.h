/* SPDX-License-Identifier: Apache-2.0 */
/* Where reading begins, found without reading all that stands before. */
#pragma once

#include <sys/types.h>

#include "files.h"

struct position {
    size_t file;   /* in the set */
    off_t offset;  /* in a plain file */
    uint64_t skip; /* lines to pass over in a compressed file */
};

/* The last n lines. Negative errno. */
int seek_tail(const struct logset *set, int64_t n, struct position *out);
/* At or before the first line of this time or later. Negative errno. */
int seek_since(const struct logset *set, int64_t since_ns, struct position *out);
