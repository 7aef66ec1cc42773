/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of run and create, and the API's body that they make. */
#pragma once

#include "client/client.h"

extern const struct flag container_flags[];
/* From flags and `IMAGE [COMMAND] [ARG…]` to ContainerCreate's body. `attach`: run in the foreground. */
int container_body(const struct args *a, bool attach, json_t **out, struct err *err);
/* "8080:80", "127.0.0.1:53:53/udp", "[::1]:80:80", "80", ranges → ExposedPorts and PortBindings. */
int publish_spec(const char *spec, json_t *exposed, json_t *bindings, struct err *err);
/* --mount's "type=bind,source=/a,target=/b,readonly" → a Mount. */
int mount_spec(const char *spec, json_t **out, struct err *err);
