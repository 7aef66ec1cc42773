/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a driver
 *
 * Checks values against the schema in a driver's descriptor and holds the result as the table that drivers read
 * (berth/options.h): defaults, under daemon.conf's values, under those of one object.
 */
#pragma once

#include <berth/options.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct options;

/* Builds the values of one driver. `schema` may be NULL (no options) and must outlive the result; the values are JSON
 * objects of strings, copied, either may be NULL. `scope` is BERTH_OPT_DAEMON (then there are no object values) or
 * BERTH_OPT_OBJECT. `free_keys`: the object may have keys that no schema knows ("com.docker.*"); they are kept as
 * they are. -EINVAL names the option, what it was and what would be right. */
int options_new(const struct berth_option *const *schema, uint32_t scope,
                const json_t *daemon_values, const json_t *object_values, bool free_keys,
                struct options **out, struct err *err);
void options_free(struct options *o);
DEFINE_CLEANUP(struct options *, options_free);

/* Borrowed; valid as long as `o`. */
const struct berth_options *options_table(const struct options *o);

/* Checks one value of daemon.conf or of an object (`scope`): what the configuration calls key by key, so that it can
 * say the line. `secret` (may be NULL) tells whether the value may be shown. */
int options_check(const struct berth_option *const *schema, uint32_t scope, const char *name,
                  const char *value, bool *secret, struct err *err);

/* Checks a schema itself: names, types, choices, defaults. */
int options_check_schema(const struct berth_option *const *schema, struct err *err);
