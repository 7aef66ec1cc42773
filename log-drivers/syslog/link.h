/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to a syslog server
 *
 * Connects by itself when there is something to send, and again after it broke. A server that cannot be reached is tried at
 * growing intervals; between them link_send() fails at once. No call waits longer than the option syslog-timeout says, and
 * after one that waited in vain none waits at all for half a minute: connecting goes on from call to call meanwhile.
 */
#pragma once

#include "address.h"
#include "common/buf.h"

struct link;

int link_new(const struct address *address, const struct berth_options *options, struct link **out,
             struct berth_err *err);
void link_free(struct link *link);
/* Whether messages are sent one by one, or in a stream that must tell where they end. */
bool link_is_datagram(const struct link *link);
/* Begins to connect, waits for nothing. */
int link_begin(struct link *link, struct berth_err *err);
int link_connect(struct link *link, struct berth_err *err);
/* One message, or a run of framed ones. */
int link_send(struct link *link, const void *data, size_t n, struct berth_err *err);
