/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets by address. */
#pragma once

#include <stddef.h>

#include "api/activation.h"
#include "base/err.h"

#define LISTEN_MAX 16

struct listeners {
    int fds[LISTEN_MAX];
    size_t n;
    char *path; /* of a unix socket that was made here, else NULL: to be removed at the end */
};
void listeners_fini(struct listeners *l); /* closes what is left */

/* Takes out of `passed` what socket activation has for this address. */
int listen_open(const char *address, const char *group, struct passed *passed,
                struct listeners *out, struct err *err);
