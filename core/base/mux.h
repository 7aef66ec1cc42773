/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's multiplexed stream: before each piece of output, eight bytes that tell its stream and its length. */
#pragma once

#include <stddef.h>

#define MUX_HEAD 8

static inline void mux_head(unsigned char head[MUX_HEAD], int stream, size_t n)
{
    head[0] = (unsigned char)stream;
    head[1] = head[2] = head[3] = 0;
    head[4] = (unsigned char)(n >> 24);
    head[5] = (unsigned char)(n >> 16);
    head[6] = (unsigned char)(n >> 8);
    head[7] = (unsigned char)n;
}
