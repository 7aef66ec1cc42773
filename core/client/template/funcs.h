/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of templates. */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

/* args[i] are borrowed; *out is the caller's new reference. The words of errors come without place. */
struct template_fn {
    const char *name;
    size_t min, max; /* arguments */
    int (*call)(json_t *const *args, size_t n, json_t **out, struct err *err);
};

/* NULL when there is none. `and` and `or` are known here, but evaluated by the evaluator, for they stop early. */
const struct template_fn *template_function(const char *name);

/* How a value prints (%v). */
void template_print(const json_t *v, struct buf *out);
/* Go's truth: false, 0, "", null and what is empty are not. */
bool template_truth(const json_t *v);
/* Go's name of a value's type, for messages. */
const char *template_type(const json_t *v);
/* The member keys of an object in Go's (sorted) order; the caller frees the array, not the keys. */
const char **template_keys(json_t *object, size_t *n);
/* printf's work. */
int template_printf(json_t *const *args, size_t n, json_t **out, struct err *err);
