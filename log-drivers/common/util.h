/* SPDX-License-Identifier: Apache-2.0 */
/* Cleanup helpers of the log drivers: every local that owns something is declared with _cleanup_(fn). */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((cleanup(fn)))

static inline void freep(void *p)
{
    free(*(void **)p);
}

/* Keeps errno. */
static inline void closep(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}

static inline int steal_fd(int *fd)
{
    int r = *fd;
    *fd = -1;
    return r;
}
