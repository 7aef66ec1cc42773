/* SPDX-License-Identifier: Apache-2.0 */
/* From text to tree; internal to config/. */
#pragma once

#include "base/err.h"
#include "config/node.h"

/* Reads a text. `name` stands in messages; @include is read from `dir`, or refused when that is NULL. */
int config_parse_text(const char *name, const char *text, size_t n, const char *dir,
                      struct config_node **out, struct err *err);
/* Reads a file of at most 1 MiB; includes come from its own directory. -ENOENT. */
int config_parse_file(const char *path, struct config_node **out, struct err *err);
/* Reads one value as it stands behind "=": a literal of libconfig, a list whose words may be bare, or a bare word. */
struct config_node *config_parse_value(const char *text, const char *origin);
