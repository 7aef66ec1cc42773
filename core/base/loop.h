/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event loop of one thread (epoll)
 *
 * For the small single-threaded mains (shim, netd). Sources may be removed inside callbacks, also their own.
 */
#pragma once

#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;

struct loop *loop_new(void); /* NULL with errno */
void loop_free(struct loop *l);
/* Runs until loop_quit(); returns the code given there, or a negative errno. */
int loop_run(struct loop *l);
void loop_quit(struct loop *l, int code);

/* Watches fd for EPOLL* events, level-triggered. The descriptor stays the caller's and must be removed before it is
 * closed. NULL with errno. */
struct loop_io *loop_io_add(struct loop *l, int fd, uint32_t events,
                            void (*fn)(void *arg, uint32_t events), void *arg);
int loop_io_set(struct loop_io *io, uint32_t events);
void loop_io_del(struct loop_io *io);

/* Calls fn once after ms milliseconds; the timer is then gone. Never NULL. */
struct loop_timer *loop_timer_add(struct loop *l, int64_t ms, void (*fn)(void *arg), void *arg);
void loop_timer_del(struct loop_timer *t);
