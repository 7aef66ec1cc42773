/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the daemon: unix://PATH or tcp://HOST:PORT. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* A blocking socket, the caller's; -ECONNREFUSED when nobody is there, -EINVAL for an address of another kind. */
int connection_open(const char *host, struct err *err);
/* Whether the other end of an idle connection is still open and silent. */
bool connection_is_idle(int fd);
