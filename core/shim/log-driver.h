/* SPDX-License-Identifier: Apache-2.0 */
/* A log driver opened for the container: loads it, builds what its open() wants. For the logger's thread. */
#pragma once

#include <berth/log.h>
#include <jansson.h>

#include "base/err.h"

struct log_driver;

/* `log` holds driver, path, options, daemon_options and info, as the plan's `log` and `log.cache` do. */
int log_driver_open(const json_t *log, const char *id, const char *instance,
                    struct log_driver **out, struct err *err);
int log_driver_write(struct log_driver *d, const struct berth_log_record *const *records, size_t n,
                     struct err *err);
int log_driver_flush(struct log_driver *d, struct err *err);
int log_driver_rotate(struct log_driver *d, struct err *err);
void log_driver_close(struct log_driver *d);
const char *log_driver_name(const struct log_driver *d);
