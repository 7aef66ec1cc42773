/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: "80/tcp" as a key, and bindings of them on the host, read from what a client gave. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* "80", "80/tcp", "53/udp". *proto is a constant: "tcp", "udp" or "sctp". -EINVAL. */
int port_parse(const char *text, uint16_t *port, const char **proto, struct err *err);

/* One wish: this container port at that place on the host. */
struct port_binding {
    uint16_t container_port;
    const char *proto;         /* constant */
    char *host_ip;             /* NULL: every address */
    uint16_t host_port, host_port_end; /* a range to choose from; 0: any free port */
};
struct port_bindings {
    struct port_binding *v;
    size_t n;
};
void port_bindings_fini(struct port_bindings *b);

/* Reads HostConfig.PortBindings ({"80/tcp": [{"HostIp","HostPort"}]}). -EINVAL in words. */
int port_bindings_read(const json_t *bindings, struct port_bindings *out, struct err *err);
/* Adds one binding with any host port for each exposed port that has none (PublishAllPorts). */
int port_bindings_add_exposed(struct port_bindings *b, const json_t *exposed, struct err *err);
/* Checks the keys of ExposedPorts. */
int port_exposed_check(const json_t *exposed, struct err *err);
