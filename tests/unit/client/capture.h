/* SPDX-License-Identifier: Apache-2.0 */
/* What the code under test writes to its stdout or stderr. */
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "base/fs.h"

struct capture {
    int fd, saved, file;
};

static inline void capture_begin(struct capture *c, int fd)
{
    fflush(stdout);
    c->fd = fd;
    c->saved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    c->file = memfd_create("capture", MFD_CLOEXEC);
    assert_true(c->saved >= 0 && c->file >= 0 && dup2(c->file, fd) == fd);
}

/* The text; the caller frees. */
static inline char *capture_end(struct capture *c)
{
    char *text = NULL;
    fflush(stdout);
    assert_int_equal(dup2(c->saved, c->fd), c->fd);
    assert_int_equal(lseek(c->file, 0, SEEK_SET), 0);
    assert_int_equal(fs_read_fd(c->file, 1 << 20, &text, NULL), 0);
    close(c->saved);
    close(c->file);
    return text;
}
