/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of run and create, and the API's body that they make. */
#pragma once

#include "client/client.h"

/* The streams that a foreground run attaches to. */
struct attach {
    bool in, out, err;
};

extern const struct flag container_flags[];
/* From flags and `IMAGE [COMMAND] [ARG…]` to ContainerCreate's body. Without `foreground` nothing is attached. */
int container_body(const struct args *a, bool foreground, struct attach *attach, json_t **out,
                   struct err *err);
/* The flags of update: HostConfig's members that are given, and RestartPolicy. */
int resources_body(const struct args *a, json_t **out, struct err *err);
/* "8080:80", "127.0.0.1:53:53/udp", "[::1]:80:80", "80", ranges, "published=8080,target=80" → ExposedPorts and
 * PortBindings. */
int publish_spec(const char *spec, json_t *exposed, json_t *bindings, struct err *err);
/* "80", "80-90/udp" → ExposedPorts. */
int expose_spec(const char *spec, json_t *exposed, struct err *err);
/* --mount's "type=bind,source=/a,target=/b,readonly" → a Mount. */
int mount_spec(const char *spec, json_t **out, struct err *err);
/* A path as seen from our working directory, cleaned. The caller frees. */
char *absolute_path(const char *path);
