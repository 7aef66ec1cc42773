/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses
 *
 * IPv4 and IPv6 addresses and subnets, parsed from text that comes from outside, compared and counted through.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDR_TEXT_MAX 64 /* fits an address with its prefix length */

/* The value in host order: an IPv4 address stands in the low 32 bits. */
struct addr {
    int family; /* AF_INET, AF_INET6 */
    unsigned __int128 v;
};

struct cidr {
    struct addr a;
    unsigned prefix;
};

/* An address without prefix, brackets or zone; -EINVAL. */
int addr_parse(const char *s, struct addr *out);
void addr_format(const struct addr *a, char out[ADDR_TEXT_MAX]);
/* 4 or 16 bytes in network order; returns how many. */
size_t addr_bytes(const struct addr *a, uint8_t out[16]);
void addr_from_bytes(int family, const void *bytes, struct addr *out);

/* "172.29.0.1/16"; host bits are kept; -EINVAL, also without a prefix length. */
int cidr_parse(const char *s, struct cidr *out);
void cidr_format(const struct cidr *c, char out[ADDR_TEXT_MAX]);
unsigned cidr_bits(const struct cidr *c); /* 32 or 128 */
/* The same with its host bits zero. */
struct cidr cidr_network(const struct cidr *c);
bool cidr_contains(const struct cidr *c, const struct addr *a);
bool cidr_overlaps(const struct cidr *a, const struct cidr *b);
/* The address at `offset` from the network's first. */
struct addr cidr_at(const struct cidr *c, unsigned __int128 offset);
