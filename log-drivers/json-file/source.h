/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of one file, plain or compressed, read forward in blocks. */
#pragma once

#include <sys/types.h>
#include <zlib.h>

#include "files.h"

struct source {
    int fd; /* borrowed */
    bool gz, gz_ready, gz_done;
    off_t pos; /* of the next block; in a compressed file, of its compressed bytes */
    z_stream z;
    unsigned char *in;
    char *buf;
    size_t start, scanned, end, cap;
    bool skipping; /* inside a line that is too long */
};

void source_init(struct source *s, const struct logfile *f, off_t pos);
void source_fini(struct source *s);
/* The next whole line without its newline, valid until the next call: 1, or 0 at the end of what is there now (call
 * again when there is more), or a negative errno. */
int source_next(struct source *s, const char **line, size_t *n);
/* Starts again at the beginning of a plain file that was truncated: true when it was. */
bool source_truncated(struct source *s);
