/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of templates: text/template's own, and those of docker's formats. */
#pragma once

#include "client/template/value.h"

/*
 * args are the caller's. *out is new. The words of errors come without "error calling …".
 * `params` has a letter for each argument, of which the last stands for all that follow: v any value, s a string, i a whole
 * number, S a list of strings.
 */
struct template_fn {
    const char *name;
    const char *params;
    size_t min, max; /* arguments */
    int (*call)(const struct value *args, size_t n, struct value *out, struct err *err);
    bool text_only; /* docker's headers go through it unchanged */
};

#define TEMPLATE_ARGS_MAX 99

/* NULL when there is none. `and` and `or` are known here, but the evaluator does them, for they stop early. */
const struct template_fn *template_function(const char *name);

/* The table of docker's functions; ends with a name of NULL. */
extern const struct template_fn template_docker_functions[];
/* The result of a function: a string. */
struct value value_string(const char *s, size_t n);
