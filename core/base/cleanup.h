/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cleanup helpers
 *
 * Every local that owns something is declared with _cleanup_(fn); ownership leaves a function only through
 * steal_ptr() or steal_fd(). `return` is then right from anywhere.
 */
#pragma once

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn)        __attribute__((cleanup(fn)))
#define _printf_(fmt, first) __attribute__((format(printf, fmt, first)))
#define _noreturn_           __attribute__((noreturn))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Defines `void FUNCp(TYPE **)`, for _cleanup_, from a function that takes TYPE * and accepts NULL. */
#define DEFINE_CLEANUP(type, func)                                                                 \
    static inline void func##p(type *p)                                                            \
    {                                                                                              \
        if (*p)                                                                                    \
            func(*p);                                                                              \
    }                                                                                              \
    struct cleanup_needs_semicolon

static inline void freep(void *p)
{
    free(*(void **)p);
}

/* Closes *fd unless it is negative; keeps errno. */
void closep(int *fd);
/* Closes fd unless it is negative; keeps errno. */
void close_fd(int fd);

DEFINE_CLEANUP(FILE *, fclose);
DEFINE_CLEANUP(DIR *, closedir);

#define steal_ptr(pp)                                                                              \
    __extension__({                                                                                \
        __typeof__(*(pp)) _steal = *(pp);                                                          \
        *(pp) = NULL;                                                                              \
        _steal;                                                                                    \
    })

static inline int steal_fd(int *fd)
{
    int r = *fd;
    *fd = -1;
    return r;
}

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Allocation that ends the process when memory is gone: for small, bounded objects only. What the size of
 * comes from outside is allocated with malloc() and its failure reported. */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
/* NULL stays NULL. */
char *xstrdup0(const char *s);
