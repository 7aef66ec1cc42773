/* SPDX-License-Identifier: Apache-2.0 */
/* Where messages go, and as which facility: parsed from the options. */
#pragma once

#include "berth/log.h"

enum transport {
    SYSLOG_LOCAL, /* /dev/log, of either type */
    SYSLOG_UNIX,  /* stream, else datagram */
    SYSLOG_UNIXGRAM,
    SYSLOG_UDP,
    SYSLOG_TCP,
    SYSLOG_TLS
};

struct address {
    enum transport transport;
    char *host; /* or the socket's path */
    char *port;
};

/* -EINVAL with words. */
int address_parse(const char *text, struct address *out, struct berth_err *err);
void address_fini(struct address *a);
/* A name or a number from 0 to 23. -EINVAL with words. */
int facility_parse(const char *text, unsigned *out, struct berth_err *err);
