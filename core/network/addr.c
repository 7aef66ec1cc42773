/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: parsing, formatting and the arithmetic of subnets. */
#include "network/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/str.h"

size_t addr_bytes(const struct addr *a, uint8_t out[16])
{
    size_t n = a->family == AF_INET ? 4 : 16;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(a->v >> (8 * (n - 1 - i)));
    return n;
}

void addr_from_bytes(int family, const void *bytes, struct addr *out)
{
    const uint8_t *p = bytes;
    size_t n = family == AF_INET ? 4 : 16;
    *out = (struct addr){.family = family};
    for (size_t i = 0; i < n; i++)
        out->v = out->v << 8 | p[i];
}

int addr_parse(const char *s, struct addr *out)
{
    uint8_t bytes[16];
    int family = s && strchr(s, ':') ? AF_INET6 : AF_INET;
    if (!s || inet_pton(family, s, bytes) != 1)
        return -EINVAL;
    addr_from_bytes(family, bytes, out);
    return 0;
}

void addr_format(const struct addr *a, char out[ADDR_TEXT_MAX])
{
    uint8_t bytes[16];
    addr_bytes(a, bytes);
    inet_ntop(a->family, bytes, out, ADDR_TEXT_MAX);
}

int cidr_parse(const char *s, struct cidr *out)
{
    const char *slash = s ? strchr(s, '/') : NULL;
    if (!slash || slash - s >= ADDR_TEXT_MAX)
        return -EINVAL;
    _cleanup_(freep) char *text = xstrndup(s, (size_t)(slash - s));
    int64_t prefix;
    if (addr_parse(text, &out->a) < 0 || !str_only(slash + 1, "0123456789") ||
        parse_i64(slash + 1, 0, cidr_bits(out), &prefix) < 0)
        return -EINVAL;
    out->prefix = (unsigned)prefix;
    return 0;
}

void cidr_format(const struct cidr *c, char out[ADDR_TEXT_MAX])
{
    addr_format(&c->a, out);
    size_t n = strlen(out);
    snprintf(out + n, ADDR_TEXT_MAX - n, "/%u", c->prefix);
}

unsigned cidr_bits(const struct cidr *c)
{
    return c->a.family == AF_INET ? 32 : 128;
}

/* The host part's bits, all set. */
static unsigned __int128 host_mask(const struct cidr *c)
{
    unsigned host = cidr_bits(c) - c->prefix;
    return host >= 128 ? ~(unsigned __int128)0 : ((unsigned __int128)1 << host) - 1;
}

struct cidr cidr_network(const struct cidr *c)
{
    struct cidr n = *c;
    n.a.v &= ~host_mask(c);
    return n;
}

bool cidr_contains(const struct cidr *c, const struct addr *a)
{
    return c->a.family == a->family && (c->a.v & ~host_mask(c)) == (a->v & ~host_mask(c));
}

bool cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
    return a->prefix <= b->prefix ? cidr_contains(a, &b->a) : cidr_contains(b, &a->a);
}

struct addr cidr_at(const struct cidr *c, unsigned __int128 offset)
{
    struct addr a = cidr_network(c).a;
    a.v += offset;
    return a;
}
