/* SPDX-License-Identifier: Apache-2.0 */
/* A list that is made again whenever something happens to a container. */
#pragma once

#include "client/client.h"

/*
 * Lists now and after each event, on a terminal over what stands there, until SIGINT, SIGTERM or SIGHUP (then 0), or the daemon goes.
 * Nothing is done between events.
 */
int watch_list(struct client *c, const struct args *a,
               int (*list)(struct client *c, const struct args *a));
