/* SPDX-License-Identifier: Apache-2.0 */
/* Records: cutting output. */
#include "shim/records.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"

static uint64_t next_partial_id(void)
{
    static uint64_t last;
    uint64_t now = (uint64_t)time_now_ns();
    last = now > last ? now : last + 1;
    return last;
}

static struct batch *batch_new(const struct cutter *c, const char *data, size_t n)
{
    struct batch *b = xcalloc(1, sizeof(*b));
    b->data = xmalloc(c->n + n);
    memcpy(b->data, c->carry, c->n);
    if (n)
        memcpy(b->data + c->n, data, n);
    return b;
}

size_t batch_trim(struct batch *b, size_t max)
{
    size_t before = b->first;
    for (; b->bytes > max && b->first < b->n; b->first++)
        b->bytes -= MIN(b->bytes, b->records[b->first].len + sizeof(struct berth_log_record));
    return b->first - before;
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    free(b->records);
    free(b->data);
    free(b);
}

static struct berth_log_record *add(struct batch *b, size_t *cap)
{
    if (b->n == *cap) {
        *cap = *cap ? *cap * 2 : 16;
        b->records = xrealloc(b->records, *cap * sizeof(*b->records));
    }
    return &b->records[b->n++];
}

/* `whole`: the line ends here. */
static void record_fill(struct cutter *c, struct berth_log_record *r, const char *line, size_t len,
                        bool whole)
{
    if (!whole && !c->partial_id)
        c->partial_id = next_partial_id();
    r->line = line;
    r->len = len;
    if (!c->partial_id)
        return;
    r->flags = BERTH_LOG_PARTIAL | (whole ? BERTH_LOG_PARTIAL_LAST : 0u);
    r->partial_id = c->partial_id;
    r->partial_ordinal = ++c->ordinal;
    if (whole) {
        c->partial_id = 0;
        c->ordinal = 0;
    }
}

struct batch *cutter_feed(struct cutter *c, int stream, const char *data, size_t n)
{
    struct batch *b = batch_new(c, data, n);
    size_t total = c->n + n, cap = 0, at = 0;
    struct berth_log_record plain = {
        .size = sizeof(plain), .time_ns = time_now_ns(), .stream = (uint32_t)stream};
    while (at < total) {
        size_t left = MIN(total - at, (size_t)RECORD_MAX);
        const char *nl = memchr(b->data + at, '\n', left);
        size_t len = nl ? (size_t)(nl - (b->data + at)) : left;
        if (!nl && left < RECORD_MAX)
            break;
        struct berth_log_record *r = add(b, &cap);
        *r = plain;
        record_fill(c, r, b->data + at, len, nl != NULL);
        at += len + (nl != NULL);
    }
    c->n = total - at;
    memcpy(c->carry, b->data + at, c->n);
    b->bytes = total + b->n * sizeof(struct berth_log_record);
    if (b->n)
        return b;
    batch_free(b);
    return NULL;
}

struct batch *cutter_end(struct cutter *c, int stream)
{
    /* A line that was cut exactly at its end still owes its last piece. */
    if (c->n == 0 && !c->partial_id)
        return NULL;
    struct batch *b = batch_new(c, NULL, 0);
    size_t cap = 0;
    struct berth_log_record *r = add(b, &cap);
    *r = (struct berth_log_record){
        .size = sizeof(*r), .time_ns = time_now_ns(), .stream = (uint32_t)stream, .no_newline = 1};
    record_fill(c, r, b->data, c->n, true);
    b->bytes = c->n + sizeof(*r);
    c->n = 0;
    return b;
}
