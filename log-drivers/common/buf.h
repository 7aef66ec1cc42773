/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer. Out of memory sticks in `failed`, so that it is looked at once, at the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf {
    char *p;
    size_t n, cap;
    bool failed;
};

void buf_fini(struct buf *b);
/* Room for n more bytes at b->p + b->n, or NULL. */
char *buf_room(struct buf *b, size_t n);
__attribute__((format(printf, 2, 3))) void buf_addf(struct buf *b, const char *fmt, ...);

static inline void buf_add(struct buf *b, const void *data, size_t n)
{
    char *p = b->cap - b->n >= n && b->p ? b->p + b->n : buf_room(b, n);
    if (p) {
        memcpy(p, data, n);
        b->n += n;
    }
}

static inline void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}
