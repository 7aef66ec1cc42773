/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the driver that live in files of their own: writer.c and reader.c. */
#pragma once

#include "berth/log.h"

int json_open(const struct berth_log_info *info, void **log, struct berth_err *err);
int json_write(void *log, const struct berth_log_record *const *records, size_t n,
               struct berth_err *err);
void json_close(void *log);
int json_rotate(void *log, struct berth_err *err);

int json_read(const struct berth_log_info *info, const struct berth_log_query *query,
              int (*each)(void *ctx, const struct berth_log_record *record), void *ctx,
              struct berth_err *err);
