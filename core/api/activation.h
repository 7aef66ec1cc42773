/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket activation
 *
 * The listening sockets that the service manager opened before the daemon was there: LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES, as sd_listen_fds(3) describes them.
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

#define PASSED_MAX 16

struct passed {
    struct passed_socket {
        int fd; /* -1: taken */
        int number;
        char *name; /* FileDescriptorName= of the unit, may be "" */
    } v[PASSED_MAX];
    size_t n;
};

/* None is fine. To be called before there are threads: the variables are taken from the environment. -EINVAL for
 * descriptors that are no listening stream sockets. */
int passed_open(struct passed *p, struct err *err);
/* Closes what nobody took, and says so. */
void passed_fini(struct passed *p);
/* The socket that is bound to a path; -1: there is none. */
int passed_take_path(struct passed *p, const char *path);
/* By "" or "*" (the next of all), a number, or a name; -1: none is left. */
int passed_take(struct passed *p, const char *which);
