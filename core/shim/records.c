/* SPDX-License-Identifier: Apache-2.0 */
/* Records: cutting output. */
#include "shim/records.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "shim/reexec.h"

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
    b->size = c->n + n;
    b->data = xmalloc(b->size);
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

/* --- for the next image */

void cutter_copy(struct cutter *to, const struct cutter *from)
{
    memcpy(to->carry, from->carry, from->n);
    to->n = from->n;
    to->partial_id = from->partial_id;
    to->ordinal = from->ordinal;
}

struct carry_head {
    uint64_t partial_id;
    uint32_t ordinal, n;
};

void cutter_dump(const struct cutter *c, int index, int fd)
{
    struct carry_head h = {c->partial_id, c->ordinal, (uint32_t)c->n};
    struct section s = {.type = SECTION_CARRY, .a = (uint32_t)index, .len = sizeof(h) + c->n};
    section_write(fd, &s, &h, sizeof(h), c->carry, c->n);
}

void cutter_load(struct cutter *c, const char *data, size_t n)
{
    struct carry_head h;
    if (n < sizeof(h))
        return;
    memcpy(&h, data, sizeof(h));
    if (h.n > n - sizeof(h) || h.n > sizeof(c->carry))
        return;
    c->partial_id = h.partial_id;
    c->ordinal = h.ordinal;
    c->n = h.n;
    memcpy(c->carry, data + sizeof(h), h.n);
}

void batch_dump(const struct batch *b, size_t skip, int fd)
{
    size_t first = b->first + skip;
    if (first >= b->n)
        return;
    size_t table = (b->n - first) * sizeof(*b->records);
    struct section s = {.type = SECTION_BATCH,
                        .a = (uint32_t)(b->n - first),
                        .b = sizeof(*b->records),
                        .len = table + b->size,
                        .base = (uint64_t)(uintptr_t)b->data};
    section_write(fd, &s, b->records + first, table, b->data, b->size);
}

static bool record_load(struct batch *b, struct berth_log_record *r, const char *from, size_t size,
                        uint64_t base)
{
    *r = (struct berth_log_record){0};
    memcpy(r, from, MIN(size, sizeof(*r)));
    r->size = sizeof(*r);
    uint64_t at = (uint64_t)(uintptr_t)r->line - base;
    if (at > b->size || r->len > b->size - at)
        return false;
    r->line = b->data + at;
    return true;
}

struct batch *batch_load(const char *data, size_t n, uint32_t count, uint32_t record_size,
                         uint64_t base)
{
    if (!record_size || (uint64_t)count * record_size > n)
        return NULL;
    struct batch *b = xcalloc(1, sizeof(*b));
    b->size = n - (size_t)count * record_size;
    b->data = xmalloc(b->size + 1);
    memcpy(b->data, data + (size_t)count * record_size, b->size);
    b->records = xcalloc(count + 1, sizeof(*b->records));
    for (uint32_t i = 0; i < count; i++)
        if (record_load(b, &b->records[b->n], data + (size_t)i * record_size, record_size, base))
            b->n++;
    b->bytes = b->size + b->n * sizeof(*b->records);
    return b;
}
