/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: output cut at newlines and at 16 KiB
 *
 * One batch for each read: the bytes and the records that point into them, in one piece of memory.
 */
#pragma once

#include <berth/log.h>

#define RECORD_MAX 16384

struct batch {
    struct batch *next;
    size_t size;     /* of data */
    size_t bytes;    /* that it takes of the queue's bound */
    size_t n, first; /* records[first … n) are still wanted */
    struct berth_log_record *records;
    char *data;
};

/* What of one stream waits for its newline. Zero-initialise. */
struct cutter {
    char carry[RECORD_MAX];
    size_t n;
    uint64_t partial_id; /* of the line that is being cut into pieces; 0: none */
    uint32_t ordinal;
};

/* The records that end in `data`, or NULL when there are none yet. The caller frees with batch_free(). */
struct batch *cutter_feed(struct cutter *c, int stream, const char *data, size_t n);
/* What is left over, at the end of the stream. */
struct batch *cutter_end(struct cutter *c, int stream);
/* Drops the oldest records until the rest takes at most `max`; returns how many went. */
size_t batch_trim(struct batch *b, size_t max);
void batch_free(struct batch *b);
/* As it is; only what is in use of `carry` is copied. */
void cutter_copy(struct cutter *to, const struct cutter *from);
/* For the image that comes after this one. Safe in a signal handler. `skip` records were written already. */
void batch_dump(const struct batch *b, size_t skip, int fd);
void cutter_dump(const struct cutter *c, int index, int fd);
/* The other way; NULL when it is not whole. */
struct batch *batch_load(const char *data, size_t n, uint32_t count, uint32_t record_size,
                         uint64_t base);
void cutter_load(struct cutter *c, const char *data, size_t n);
