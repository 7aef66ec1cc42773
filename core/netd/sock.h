/* SPDX-License-Identifier: Apache-2.0 */
/* Host sockets that reserve a port. */
#pragma once

#include <stdint.h>

#include "network/addr.h"

/* Binds; TCP listens, too, for only a listener keeps others with SO_REUSEADDR away. *port 0: the kernel chooses, and
 * *port says what. A non-blocking descriptor or a negative errno. */
int sock_reserve(int proto, const struct addr *host, uint16_t *port);
/* "tcp", "udp", "sctp"; -EINVAL. */
int proto_parse(const char *s);
