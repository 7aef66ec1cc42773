/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, whatever the locale is: cutting text into characters, their cells on a terminal, upper and lower case. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define UTF8_BAD UINT32_MAX /* a byte that is part of no character */

/* The first character of `s`, and its bytes (1 for UTF8_BAD). n > 0. */
size_t utf8_next(const char *s, size_t n, uint32_t *c);
void utf8_add(struct buf *b, uint32_t c);
/* Characters of `s`; bytes of its first `chars` characters. */
size_t utf8_count(const char *s, size_t n);
size_t utf8_offset(const char *s, size_t n, size_t chars);
/* Cells on a terminal: 2 for wide ones, 0 for combining ones and controls, 1 for UTF8_BAD. */
size_t utf8_width(uint32_t c);
bool utf8_printable(uint32_t c);
/* No byte of it is UTF8_BAD. */
bool utf8_valid(const char *s, size_t n);
bool utf8_is_word(uint32_t c); /* a letter, a digit or _ */
uint32_t utf8_upper(uint32_t c);
uint32_t utf8_lower(uint32_t c);
