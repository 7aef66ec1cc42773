/* SPDX-License-Identifier: Apache-2.0 */
/* Ids: random hex, and SHA-256 digests in OCI's form ("sha256:" and 64 hex digits). */
#pragma once

#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_MAX     65 /* 64 hex digits and the NUL */
#define DIGEST_MAX 72 /* "sha256:", 64 hex digits and the NUL */

/* Fills `out` with n random bytes as 2n hex digits and a NUL. */
void id_random_hex(char *out, size_t bytes);
/* 64 random hex digits; never all digits in the first 12, so that a short id is not taken for a number. */
void id_new(char out[ID_MAX]);
/* 64 lower-case hex digits? */
bool id_valid(const char *s);
void hex_encode(const uint8_t *data, size_t n, char *out);

/* Streaming digest. */
struct digest {
    struct sha256_ctx ctx;
};
void digest_init(struct digest *d);
void digest_update(struct digest *d, const void *data, size_t n);
void digest_final(struct digest *d, char out[DIGEST_MAX]);
void digest_of(const void *data, size_t n, char out[DIGEST_MAX]);
/* "sha256:" and 64 lower-case hex digits? */
bool digest_valid(const char *s);
/* The hex part of a valid digest. */
const char *digest_hex(const char *digest);
