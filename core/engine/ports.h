/* SPDX-License-Identifier: Apache-2.0 */
/* Ports as clients name them: "80/tcp" as a key, and which of them a container publishes. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"

/* "80", "80/tcp", "53/udp". *proto is a constant: "tcp", "udp" or "sctp". -EINVAL. */
int port_parse(const char *text, uint16_t *port, const char **proto, struct err *err);
struct port_range {
    uint16_t first, last;
    const char *proto;
};
/* "80", "80/tcp", "8000-8010/udp". -EINVAL. */
int port_range_parse(const char *text, struct port_range *out, struct err *err);
/* Checks the keys of ExposedPorts. */
int port_exposed_check(const json_t *exposed, struct err *err);
/* What is published: HostConfig.PortBindings, a key without bindings on any host port, and with PublishAllPorts every other exposed
 * port, too. Keys are "80/tcp". A new object. */
json_t *port_bindings_wanted(const json_t *config, const json_t *host_config);
