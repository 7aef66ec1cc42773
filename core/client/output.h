/* SPDX-License-Identifier: Apache-2.0 */
/* Where an archive goes: stdout, or a file that takes its place when it is whole. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "client/meter.h"

struct output {
    char *path, *staged; /* path NULL: stdout; staged NULL: it is written as it comes */
    int fd, code;
    struct meter meter;
};
/* `path` NULL: stdout, which must be no terminal. `label` is the meter's. */
int output_open(struct output *o, const char *path, const char *label, struct err *err);
/* For http_stream(): `ctx` is the output. */
int output_each(void *ctx, const char *data, size_t n);
/* `r`: how the transfer ended; after a failure nothing is left. What comes of it all. */
int output_close(struct output *o, int r, struct err *err);
