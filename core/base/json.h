/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON helpers over jansson
 *
 * jansson keeps integers as int64, so nothing passes through a double. Getters borrow; a missing or null member
 * gives the default. Keys that come from API clients are matched without regard to case, as Go does: the API
 * gives a body the schema's spelling once, at the door, and everything behind it uses plain getters.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Parses one value of at most 8 MiB; -EINVAL with line, column and what is wrong. */
int json_parse(const char *text, size_t n, json_t **out, struct err *err);
/* Compact text; the caller frees. Never NULL. */
char *json_text(const json_t *v);

/* Getters on an object (or NULL). */
const char *json_str(const json_t *o, const char *key, const char *dflt);
int64_t json_int(const json_t *o, const char *key, int64_t dflt);
bool json_bool(const json_t *o, const char *key, bool dflt);
/* NULL when missing, null or of another type. */
json_t *json_obj(const json_t *o, const char *key);
json_t *json_arr(const json_t *o, const char *key);

/* Setters; the value is copied or taken over (`_take`). A NULL string becomes null. Strings that are not UTF-8 get
 * U+FFFD. */
void json_put_str(json_t *o, const char *key, const char *s);
void json_put_strf(json_t *o, const char *key, const char *fmt, ...) _printf_(3, 4);
void json_put_int(json_t *o, const char *key, int64_t v);
void json_put_bool(json_t *o, const char *key, bool v);
void json_put_take(json_t *o, const char *key, json_t *v);
/* A copy of the reference, not of the value. */
void json_put(json_t *o, const char *key, const json_t *v);
void json_push_str(json_t *array, const char *s);
void json_push_take(json_t *array, json_t *v);
/* RFC3339Nano of ns, TIME_NEVER for 0. */
void json_put_time(json_t *o, const char *key, int64_t ns);

/* A string value even from bytes that are not UTF-8. */
json_t *json_string_any(const char *s);
/* Replaces a member that is missing by `v` (taken over in every case). */
void json_default_take(json_t *o, const char *key, json_t *v);

/* Member by name without regard to case, exact match first. Borrowed. */
json_t *json_get_fold(const json_t *o, const char *key);
