/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces
 *
 * Made as descriptors, never as names below /run/netns: the last descriptor or process that leaves one frees it. A
 * small pool is kept filled by a thread of its own, for making one takes longer than everything else of a start;
 * the same thread closes those that are done, one after the other.
 */
#pragma once

#include "base/err.h"

/* Makes a fresh namespace whose lo is up; the calling thread ends where it was. A descriptor, or a negative errno. */
int netns_create(struct err *err);

/* Moves the calling thread into a namespace. *home receives a descriptor for netns_leave(). */
int netns_enter(int fd, int *home, struct err *err);
/* Back home; closes `home`. Ends the process when that fails: a thread must not stay in a container. */
void netns_leave(int home);

struct netns_pool;
/* Keeps `size` namespaces ready. NULL with err set. */
struct netns_pool *netns_pool_open(unsigned size, struct err *err);
void netns_pool_close(struct netns_pool *pool);
/* A namespace (the caller's), from the pool or made now. A negative errno. */
int netns_pool_take(struct netns_pool *pool, struct err *err);
/* Closes a descriptor on the pool's thread. */
void netns_pool_dispose(struct netns_pool *pool, int fd);
