/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters
 *
 * Docker's `filters` parameter, parsed: an object of arrays of strings, or NULL for none. Values of one key are alternatives;
 * keys narrow. A key that is absent matches everything.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/* -EINVAL for a key that is not in the NULL-terminated list (naming it), or values that are not strings. */
int filters_check(const json_t *filters, const char *const *allowed, struct err *err);
bool filters_has(const json_t *filters, const char *key);
/* The only value of a key, or NULL. */
const char *filters_first(const json_t *filters, const char *key);
bool filters_match_exact(const json_t *filters, const char *key, const char *value);
bool filters_match_prefix(const json_t *filters, const char *key, const char *value);
/* Values are POSIX extended regular expressions, searched for in `value`; one that does not compile is searched for as
 * it stands. */
bool filters_match_regex(const json_t *filters, const char *key, const char *value);
/* Values are "key" or "key=value"; each of them must hold for `labels` (an object of strings, or NULL). */
bool filters_match_labels(const json_t *filters, const char *key, const json_t *labels);
/* Values of `publish` and `expose` are ports or ranges of them: -EINVAL for what is none. */
int filters_check_ports(const json_t *filters, struct err *err);
/* `ports` as a container list shows them. As in Docker, one port that either key names is enough. */
bool filters_match_ports(const json_t *filters, const json_t *ports);
/* As Docker's booleans (dangling=true); *out only set when the key is there. -EINVAL. */
int filters_bool(const json_t *filters, const char *key, bool *out, struct err *err);
/* One of `words` (NULL-terminated) is what each value of a key has to be: -EINVAL naming them. */
int filters_check_words(const json_t *filters, const char *key, const char *const *words,
                        struct err *err);
/* `until` of a prune: a span before now, or a time; *ns is INT64_MAX without one. -EINVAL, also for more than one. */
int filters_until(const json_t *filters, int64_t *ns, struct err *err);
/* `label` and `label!` of a prune: all of the first have to hold, and not all of the second. */
bool filters_match_prune(const json_t *filters, const json_t *labels);
