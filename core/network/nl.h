/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink
 *
 * Sockets that stay open, and batches: several requests leave in one sendmsg and are acknowledged one by one. Messages
 * are built with libnl; the kernel's own words (extended acks) end up in the error.
 */
#pragma once

#include <netlink/msg.h>
#include <stdbool.h>

#include "base/str.h"

struct err;

/* A socket of the calling thread's network namespace; NETLINK_ROUTE or NETLINK_NETFILTER. Negative errno. */
int nl_sock_open(int protocol);

/* Requests that leave together. Zero-initialise; nl_batch_fini(). */
struct nl_batch {
    struct buf out;
    unsigned n,
        last;    /* last: the request whose ack is waited for, counted from 1; 0: the last one */
    bool failed; /* memory was gone while building */
};
void nl_batch_fini(struct nl_batch *b);
/* Takes `m` over (NULL: notes the failure). Asks for an ack unless `silent`. */
void nl_batch_take(struct nl_batch *b, struct nl_msg *m, bool silent);
/* The request taken last is the one whose ack ends the answer, whatever follows. */
void nl_batch_mark_last(struct nl_batch *b);
/* Sends all and waits for the last request's ack, which must not be silent. 0, or the first failing request's
 * negative errno with its place in *failed (may be NULL) and words in err. Empties the batch. rtnetlink executes each
 * request for itself, also behind one that failed. */
int nl_batch_send(struct nl_batch *b, int sock, unsigned *failed, struct err *err);
/* Asks for a list and calls each(arg, message) for every answer. */
int nl_list(int sock, struct nl_msg *m, void (*each)(void *arg, struct nlmsghdr *h), void *arg,
            struct err *err);
/* One request. */
int nl_request(int sock, struct nl_msg *m, struct err *err);

/* Idle sockets of the namespace in which the pool was made: one user each at a time, no lock while the kernel works. */
struct nl_pool;
struct nl_pool *nl_pool_new(int protocol, struct err *err);
void nl_pool_free(struct nl_pool *p);
int nl_pool_take(struct nl_pool *p); /* negative errno */
void nl_pool_give(struct nl_pool *p, int sock);
