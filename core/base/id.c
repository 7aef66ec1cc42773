/* SPDX-License-Identifier: Apache-2.0 */
/* Random ids and SHA-256 digests. */
#include "base/id.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/str.h"

void hex_encode(const uint8_t *data, size_t n, char *out)
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex[data[i] >> 4];
        out[2 * i + 1] = hex[data[i] & 15];
    }
    out[2 * n] = '\0';
}

void id_random_hex(char *out, size_t bytes)
{
    uint8_t raw[64];
    bytes = MIN(bytes, sizeof(raw));
    for (size_t have = 0; have < bytes;) {
        ssize_t n = getrandom(raw + have, bytes - have, 0);
        if (n > 0)
            have += (size_t)n;
        else if (errno != EINTR)
            abort();
    }
    hex_encode(raw, bytes, out);
}

void id_new(char out[ID_MAX])
{
    do
        id_random_hex(out, 32);
    while (strspn(out, "0123456789") >= 12);
}

bool id_valid(const char *s)
{
    return s && strspn(s, "0123456789abcdef") == 64 && s[64] == '\0';
}

void digest_init(struct digest *d)
{
    sha256_init(&d->ctx);
}

void digest_update(struct digest *d, const void *data, size_t n)
{
    sha256_update(&d->ctx, n, data);
}

void digest_final(struct digest *d, char out[DIGEST_MAX])
{
    uint8_t raw[SHA256_DIGEST_SIZE];
    sha256_digest(&d->ctx, sizeof(raw), raw);
    memcpy(out, "sha256:", 7);
    hex_encode(raw, sizeof(raw), out + 7);
}

void digest_of(const void *data, size_t n, char out[DIGEST_MAX])
{
    struct digest d;
    digest_init(&d);
    digest_update(&d, data, n);
    digest_final(&d, out);
}

bool digest_valid(const char *s)
{
    const char *hex = s ? str_after(s, "sha256:") : NULL;
    return hex && id_valid(hex);
}

const char *digest_hex(const char *digest)
{
    return digest + 7;
}
