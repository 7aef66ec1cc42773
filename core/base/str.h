/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings
 *
 * printf into fresh memory, a growing buffer, a vector of strings, and checked parsers for numbers, sizes and
 * durations that come from outside.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"

/* A formatted string; the caller frees. Ends the process when memory is gone. */
char *str_printf(const char *fmt, ...) _printf_(1, 2);
char *str_vprintf(const char *fmt, va_list ap) _printf_(1, 0);

static inline bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static inline bool str_empty(const char *s)
{
    return !s || !*s;
}

/* What follows `prefix` in `s`, or NULL when `s` does not start with it. */
const char *str_after(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* True when each byte of `s` stands in `set` and `s` is not empty. */
bool str_only(const char *s, const char *set);
/* Cuts white space off both ends, in place; returns where the text begins. */
char *str_trim(char *s);
/* Shell-style match with * and ? (Go's path.Match without classes); for list filters. */
bool str_glob(const char *pattern, const char *s);

/* --- growing buffer; zero-initialise, buf_fini() when done. `s` is NUL-terminated once something was added. */
struct buf {
    char *s;
    size_t len, cap;
};
void buf_fini(struct buf *b);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
/* Empties it, keeps the memory. */
void buf_reset(struct buf *b);
/* The text as owned memory (never NULL); the buffer is empty afterwards. */
char *buf_steal(struct buf *b);

/* --- vector of owned strings, NULL-terminated once something was added; zero-initialise, strv_fini(). */
struct strv {
    char **v;
    size_t n, cap;
};
void strv_fini(struct strv *sv);
void strv_add(struct strv *sv, const char *s); /* copies */
void strv_take(struct strv *sv, char *s);      /* takes over */
void strv_addf(struct strv *sv, const char *fmt, ...) _printf_(2, 3);
bool strv_has(const struct strv *sv, const char *s);
void strv_remove(struct strv *sv, size_t i);
/* Splits at any byte of `seps`, dropping empty parts. */
void strv_split(struct strv *sv, const char *s, const char *seps);
char *strv_join(const struct strv *sv, const char *sep);
#define strv_foreach(item, sv)                                                                     \
    for (size_t item##_i = 0; item##_i < (sv)->n && ((item) = (sv)->v[item##_i], true); item##_i++)

/* --- checked parsers: the whole string or -EINVAL, in range or -ERANGE. */
int parse_i64(const char *s, int64_t min, int64_t max, int64_t *out);
int parse_u64(const char *s, uint64_t max, uint64_t *out);
/* "10m", "1.5g", "512", with an optional b ("10mb", "10MiB"): powers of 1024, as Docker's RAMInBytes. */
int parse_size(const char *s, int64_t *bytes);
/* Go's durations: "1h30m", "1.5s", "300ms"; a bare number is refused, but for "0". Nanoseconds. */
int parse_duration(const char *s, int64_t *ns);
/* Docker's words: 1, true, t, yes / 0, false, f, no and upper case forms. */
int parse_bool(const char *s, bool *out);

/* The candidate nearest to `s` by edit distance, or NULL when none is near enough to be meant. */
const char *str_nearest(const char *s, const char *const *candidates, size_t n);
/* Copies `s` with each byte sequence that is not UTF-8 replaced by U+FFFD. The caller frees. */
char *str_to_utf8(const char *s, size_t n);
