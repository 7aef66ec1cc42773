/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as a JSON string, as Docker writes them. */
#pragma once

#include "common/buf.h"

/* Appends the inside of a string: <, >, &, U+2028, U+2029 and control characters as \uXXXX but for \n and \r, each byte that
 * is not UTF-8 as \ufffd. */
void escape_log(struct buf *out, const char *s, size_t n);
/* The same as Go's encoding/json writes the values of attributes: also \b, \f and \t in their short form. */
void escape_attr(struct buf *out, const char *s, size_t n);
