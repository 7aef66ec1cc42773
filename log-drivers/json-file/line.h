/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of a log file, read
 *
 * Any JSON object with "log", "stream", "time" and "attrs", in any order, with others between them. What does not parse is no
 * error of the file: a power cut leaves torn lines and runs of NUL bytes, and the reader passes over them.
 */
#pragma once

#include <stdint.h>

#include "common/buf.h"
#include "common/timestamp.h"

/* Longer lines are passed over. Docker's own are below 100 KiB, for a piece has at most 16 KiB. */
#define LINE_MAX_BYTES (1u << 20)

struct line {
    /* Unescaped, without its newline: in the bytes that were parsed, or in `buf`. */
    const char *text;
    size_t len;
    bool newline;
    struct buf buf;
    struct timestamp_cache clock;
    struct buf
        attributes; /* as Docker's API has them: "key=value,key=value", sorted, escaped as in a query */
    uint32_t stream; /* enum berth_log_stream */
    int64_t time_ns;
};

void line_fini(struct line *line);
/* Parses n bytes without the newline into `line`, which is reused and points into them. 0, or -EBADMSG, -ENOMEM. */
int line_parse(struct line *line, const char *s, size_t n);
