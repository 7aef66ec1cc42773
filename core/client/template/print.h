/* SPDX-License-Identifier: Apache-2.0 */
/* How Go's fmt prints values. */
#pragma once

#include "client/template/value.h"

/* As %v. */
void print_value(const struct value *v, struct buf *out);
/* A printf: the text of `format` and its arguments, with Go's words for verbs that do not fit ("%!d(string=x)"). */
void print_format(const char *format, const struct value *args, size_t n, struct buf *out);
/* fmt.Sprint: spaces between operands of which neither is a string; `line`: between all, and a newline. */
void print_operands(const struct value *args, size_t n, bool line, struct buf *out);
/* Between quotes, as strconv.Quote does. */
void print_quoted(const char *s, size_t n, struct buf *out);

/* String() of time.Duration (JSON: nanoseconds) and of time.Time (JSON: RFC 3339). */
void print_duration(const json_t *v, struct buf *out);
void print_time(const json_t *v, struct buf *out);
