/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client asked for, checked
 *
 * The body of create becomes the documents that the row keeps. Nothing is made and nothing on disk is changed here.
 */
#pragma once

#include "engine/internal.h"

struct create_spec {
    char *name;     /* NULL: to be made up */
    char *image_id; /* "sha256:…" */
    char *image_ref;
    char *network; /* id of the network to attach to */
    json_t *config, *host_config, *endpoint, *mounts, *warnings;
    json_t *inherited; /* what of host_config is daemon.conf's */
};
void create_spec_fini(struct create_spec *s);

/* A ContainerConfig as clients send it, checked, with its zero values; *out is the caller's. */
int config_read(const json_t *body, json_t **out, struct err *err);
/* -EINVAL, -ENOENT (image, network), -ENOTSUP, in Docker's words where it has them. */
int create_spec_read(struct engine *e, const char *name, const char *platform, const json_t *body,
                     struct create_spec *out, struct err *err);
