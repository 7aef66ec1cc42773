/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes at a time. */
#pragma once

#include <stdint.h>

#define BYTES_ONES  0x0101010101010101u
#define BYTES_HIGHS 0x8080808080808080u
/* Not 0 when one of the eight bytes of w is below n (at most 128). */
#define BYTES_BELOW(w, n) (((w)-BYTES_ONES * (n)) & ~(w)&BYTES_HIGHS)
/* Not 0 when one of them is c. */
#define BYTES_HAVE(w, c) BYTES_BELOW((w) ^ (BYTES_ONES * (c)), 1)
