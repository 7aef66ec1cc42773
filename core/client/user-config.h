/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user's config.json says (docker's: ~/.docker, DOCKER_CONFIG, --config)
 *
 * Formats of lists and the keys that detach are taken from it; everything else in it is somebody else's. A file that cannot be read
 * is warned of, and nothing is taken from it, as docker does.
 */
#pragma once

#include "client/client.h"

/* `dir` NULL: where the environment says. */
void user_config_load(struct client *c, const char *dir);
/* A member of it; NULL where it says nothing. */
const char *user_config_str(const struct client *c, const char *key);
/* --format, or what the member says of the list's format; --quiet is stronger than that. */
const char *list_format(const struct client *c, const struct args *a, const char *key);
/* --detach-keys, or detachKeys; NULL: as docker's. */
const char *detach_keys(const struct client *c, const struct args *a);
