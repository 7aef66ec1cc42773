/* SPDX-License-Identifier: Apache-2.0 */
/* A record as a syslog message, in the forms that Docker's driver writes. */
#pragma once

#include "berth/log.h"
#include "common/attrs.h"

enum syslog_format { FORMAT_LOCAL, FORMAT_RFC3164, FORMAT_RFC5424, FORMAT_RFC5424_MICRO };

struct formatter {
    enum syslog_format format;
    unsigned facility;
    char *tag, *hostname;
    struct buf data; /* RFC 5424 structured data; "-" without attributes */
};

/* The options' tag, labels and env. 0, or a negative errno with words. */
int formatter_init(struct formatter *f, const struct berth_log_info *info, struct berth_err *err);
void formatter_fini(struct formatter *f);
/* Appends the message, without any framing. */
void formatter_add(const struct formatter *f, const struct berth_log_record *rec, struct buf *out);
