/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go templates over JSON values (text/template)
 *
 * What --format takes. A template is parsed once into a tree and executed on any number of values. Values are JSON: an
 * object's members are its fields. Methods and the computed fields of list formats come through a hook.
 *
 * The language as Go's package documents it: actions, pipelines, if, else if, range, with, else, break, continue, define,
 * template, block, variables, comments, trim markers, parentheses; the predefined functions and those that docker's formats
 * add (json, join, split, lower, upper, title, pad, truncate). Values have Go's types (value.h); messages are Go's.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"

struct template;
struct go_type;

/* What a template can ask the caller for. */
struct template_env {
    /* A method or computed field of `receiver`: 1 and *out (the callee's new reference), 0: there is none of that name,
     * or a negative errno with words. NULL: none. */
    int (*method)(void *ctx, json_t *receiver, const char *name, json_t *const *args, size_t n,
                  json_t **out, struct err *err);
    void *ctx;
    const struct go_type *type; /* of the data; NULL: interface {} */
    bool missing_is_error;      /* a key that is not in a map fails; else it prints "<no value>" */
    bool header; /* docker's row of headers: lower, upper, title, truncate, json change nothing */
};

/* -EINVAL: words as Go's, with line and column ("template: :1:7: unexpected …"). */
int template_parse(const char *text, struct template **out, struct err *err);
void template_free(struct template *t);
DEFINE_CLEANUP(struct template *, template_free);

/* Appends what the template makes of `data` to `out`. At most 64 MiB of output, 100 calls deep. */
int template_exec(const struct template *t, const struct template_env *env, json_t *data,
                  struct buf *out, struct err *err);
