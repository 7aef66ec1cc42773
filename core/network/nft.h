/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nftables elements
 *
 * Adds and deletes elements of sets and maps, a transaction at a time, over a NETLINK_NETFILTER socket: about 0.02 ms
 * where the nft program takes 10. Keys and values of concatenated types are their fields one after the other, each
 * padded to four bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NFT_DATA_MAX 32 /* two interface names */

struct nft_data {
    uint8_t b[NFT_DATA_MAX];
    uint32_t n;
};

/* Append one field. */
void nft_data_bytes(struct nft_data *d, const void *bytes, size_t n);
void nft_data_u8(struct nft_data *d, uint8_t v);
void nft_data_be16(struct nft_data *d, uint16_t v);
void nft_data_ifname(struct nft_data *d, const char *name);

struct nft_elem {
    const char *set;
    struct nft_data key, value; /* value.n 0: a set, not a map */
};

enum nft_verb { NFT_ADD, NFT_DELETE, NFT_FLUSH }; /* FLUSH: all elements of elem->set */

struct nft_step {
    enum nft_verb verb;
    const struct nft_elem *elem;
};

/* Carries out all steps on table `inet <table>`, or none. -ENOENT: the table, a set or an element to delete is not
 * there. -EEXIST: a map's key has another value. */
int nft_apply(int sock, const char *table, const struct nft_step *steps, size_t n, struct err *err);

/* Calls each(arg, key) for every element of a set. -ENOENT: no such table or set. */
int nft_set_list(int sock, const char *table, const char *set,
                 void (*each)(void *arg, const struct nft_data *key), void *arg, struct err *err);

/* 1 when the table has a chain of that name, 0 when not (or no table); negative errno. */
int nft_chain_exists(int sock, const char *table, const char *chain);
/* Removes the table; absent is fine. */
int nft_table_delete(int sock, const char *table, struct err *err);
