/* SPDX-License-Identifier: Apache-2.0 */
/* IPAM: a sorted list of the offsets in use, and a cursor that goes round. */
#include "network/ipam.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/str.h"

#define OFFSET_MAX ((uint64_t)1 << 48) /* of a huge IPv6 subnet its first addresses are enough */
#define PICK_MAX   65536

struct ipam {
    pthread_mutex_t lock; /* guards used, n, cap, next */
    struct cidr subnet;
    uint64_t first, last; /* offsets that are given out */
    uint64_t top;         /* the subnet's last usable offset */
    uint64_t *used;       /* sorted */
    size_t n, cap;
    uint64_t next;
    char *gateway_text, *subnet_text;
};

static uint64_t offset_of(const struct ipam *i, const struct addr *a)
{
    unsigned __int128 o = a->v - i->subnet.a.v;
    return o > OFFSET_MAX ? OFFSET_MAX + 1 : (uint64_t)o;
}

/* Where `offset` stands, or would. */
static size_t used_at(const struct ipam *i, uint64_t offset)
{
    size_t lo = 0, hi = i->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (i->used[mid] < offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool used_has(const struct ipam *i, uint64_t offset)
{
    size_t at = used_at(i, offset);
    return at < i->n && i->used[at] == offset;
}

static void used_add(struct ipam *i, uint64_t offset)
{
    size_t at = used_at(i, offset);
    if (i->n == i->cap) {
        i->cap = i->cap ? i->cap * 2 : 64;
        i->used = xrealloc(i->used, i->cap * sizeof(*i->used));
    }
    memmove(i->used + at + 1, i->used + at, (i->n - at) * sizeof(*i->used));
    i->used[at] = offset;
    i->n++;
}

/* The first free offset in from..to; false: none. */
static bool used_gap(const struct ipam *i, uint64_t from, uint64_t to, uint64_t *out)
{
    uint64_t o = from;
    for (size_t at = used_at(i, from); at < i->n && i->used[at] == o && o <= to; at++)
        o++;
    *out = o;
    return from <= to && o <= to;
}

static int bounds_set(struct ipam *i, const char *range, struct err *err)
{
    unsigned host = cidr_bits(&i->subnet) - i->subnet.prefix;
    bool v4 = i->subnet.a.family == AF_INET;
    uint64_t end = host >= 48 ? OFFSET_MAX : ((uint64_t)1 << host) - 1;
    i->top = v4 && host >= 2 ? end - 1 : end;
    i->first = host >= 2 ? 1 : 0;
    i->last = i->top;
    if (!range)
        return 0;
    struct cidr r;
    if (cidr_parse(range, &r) < 0 || r.prefix < i->subnet.prefix ||
        !cidr_contains(&i->subnet, &r.a))
        return err_set(err, -EINVAL, "address range %s is not within subnet %s", range,
                       i->subnet_text);
    struct cidr net = cidr_network(&r);
    unsigned bits = cidr_bits(&r) - r.prefix;
    uint64_t from = offset_of(i, &net.a);
    i->first = MAX(i->first, from);
    i->last = MIN(i->last, bits >= 48 ? OFFSET_MAX : from + ((uint64_t)1 << bits) - 1);
    return 0;
}

static int gateway_set(struct ipam *i, const char *gateway, struct err *err)
{
    char text[ADDR_TEXT_MAX];
    struct addr a = cidr_at(&i->subnet, i->top > 0 ? 1 : 0);
    if (gateway && (addr_parse(gateway, &a) < 0 || !cidr_contains(&i->subnet, &a)))
        return err_set(err, -EINVAL, "gateway %s is not an address of subnet %s", gateway,
                       i->subnet_text);
    addr_format(&a, text);
    i->gateway_text = xstrdup(text);
    used_add(i, offset_of(i, &a));
    return 0;
}

int ipam_new(const char *subnet, const char *range, const char *gateway, struct ipam **out,
             struct err *err)
{
    struct cidr c;
    char text[ADDR_TEXT_MAX];
    if (cidr_parse(subnet, &c) < 0 || cidr_bits(&c) - c.prefix < 1)
        return err_set(err, -EINVAL,
                       "\"%s\" is not a subnet with room for addresses (such as 172.29.0.0/16)",
                       subnet ? subnet : "");
    _cleanup_(ipam_freep) struct ipam *i = xcalloc(1, sizeof(*i));
    pthread_mutex_init(&i->lock, NULL);
    i->subnet = cidr_network(&c);
    cidr_format(&i->subnet, text);
    i->subnet_text = xstrdup(text);
    int r = bounds_set(i, range, err);
    if (r == 0)
        r = gateway_set(i, gateway, err);
    i->next = i->first;
    if (r == 0)
        *out = steal_ptr(&i);
    return r;
}

void ipam_free(struct ipam *i)
{
    if (!i)
        return;
    pthread_mutex_destroy(&i->lock);
    free(i->used);
    free(i->gateway_text);
    free(i->subnet_text);
    free(i);
}

const char *ipam_gateway(const struct ipam *i)
{
    return i->gateway_text;
}

const char *ipam_subnet(const struct ipam *i)
{
    return i->subnet_text;
}

static char *address_text(const struct ipam *i, uint64_t offset)
{
    struct cidr c = {.a = cidr_at(&i->subnet, offset), .prefix = i->subnet.prefix};
    char text[ADDR_TEXT_MAX];
    cidr_format(&c, text);
    return xstrdup(text);
}

int ipam_alloc(struct ipam *i, char **out, struct err *err)
{
    uint64_t offset;
    pthread_mutex_lock(&i->lock);
    bool found = used_gap(i, i->next, i->last, &offset) ||
                 (i->next > i->first && used_gap(i, i->first, i->next - 1, &offset));
    if (found) {
        used_add(i, offset);
        i->next = offset < i->last ? offset + 1 : i->first;
    }
    pthread_mutex_unlock(&i->lock);
    if (!found)
        return err_set(err, -ENOSPC, "no address is free in subnet %s", i->subnet_text);
    *out = address_text(i, offset);
    return 0;
}

/* Reads an address of the subnet, with or without prefix length. */
static int address_offset(const struct ipam *i, const char *address, uint64_t *offset)
{
    struct addr a;
    size_t n = address ? strcspn(address, "/") : 0;
    _cleanup_(freep) char *bare = xstrndup(address ? address : "", n);
    if (addr_parse(bare, &a) < 0 || !cidr_contains(&i->subnet, &a))
        return -EINVAL;
    *offset = offset_of(i, &a);
    return 0;
}

int ipam_reserve(struct ipam *i, const char *address, char **out, struct err *err)
{
    uint64_t offset;
    if (address_offset(i, address, &offset) < 0 || offset > i->top ||
        (i->subnet.a.family == AF_INET && i->top > 1 && offset == 0))
        return err_set(err, -EINVAL, "%s is not an address that subnet %s can give out",
                       address ? address : "nothing", i->subnet_text);
    pthread_mutex_lock(&i->lock);
    bool taken = used_has(i, offset);
    if (!taken)
        used_add(i, offset);
    pthread_mutex_unlock(&i->lock);
    if (taken)
        return err_set(err, -EADDRINUSE, "address %s is already in use", address);
    if (out)
        *out = address_text(i, offset);
    return 0;
}

void ipam_release(struct ipam *i, const char *address)
{
    uint64_t offset;
    if (address_offset(i, address, &offset) < 0)
        return;
    pthread_mutex_lock(&i->lock);
    size_t at = used_at(i, offset);
    if (at < i->n && i->used[at] == offset) {
        memmove(i->used + at, i->used + at + 1, (i->n - at - 1) * sizeof(*i->used));
        i->n--;
    }
    pthread_mutex_unlock(&i->lock);
}

bool ipam_is_used(struct ipam *i, const char *address)
{
    uint64_t offset;
    if (address_offset(i, address, &offset) < 0)
        return false;
    pthread_mutex_lock(&i->lock);
    bool used = used_has(i, offset);
    pthread_mutex_unlock(&i->lock);
    return used;
}

void ipam_list(struct ipam *i, struct strv *out)
{
    pthread_mutex_lock(&i->lock);
    for (size_t k = 0; k < i->n; k++) {
        struct addr a = cidr_at(&i->subnet, i->used[k]);
        char text[ADDR_TEXT_MAX];
        addr_format(&a, text);
        strv_add(out, text);
    }
    pthread_mutex_unlock(&i->lock);
}

int ipam_pool_pick(const struct ipam_pool *pools, size_t n,
                   bool (*taken)(void *ctx, const struct cidr *subnet), void *ctx, char **out,
                   struct err *err)
{
    for (size_t p = 0; p < n; p++) {
        struct cidr base;
        if (cidr_parse(pools[p].base, &base) < 0 || pools[p].size < base.prefix ||
            pools[p].size > cidr_bits(&base))
            return err_set(err, -EINVAL, "address pool %s cannot be cut into subnets of /%u",
                           pools[p].base, pools[p].size);
        unsigned bits = MIN(pools[p].size - base.prefix, 16u);
        unsigned __int128 step = (unsigned __int128)1 << (cidr_bits(&base) - pools[p].size);
        for (unsigned k = 0; k < 1u << bits && k < PICK_MAX; k++) {
            struct cidr c = {.a = cidr_at(&base, step * k), .prefix = pools[p].size};
            char text[ADDR_TEXT_MAX];
            if (taken(ctx, &c))
                continue;
            cidr_format(&c, text);
            *out = xstrdup(text);
            return 0;
        }
    }
    return err_set(
        err, -ENOSPC,
        "all predefined address pools are fully subnetted: add one to network.address_pools");
}
