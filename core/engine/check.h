/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Check: rows against the kernel, and both against files
 *
 * What should be there and is not, and what is there and belongs to nothing. It runs beside everything else: whatever a verb, or an
 * end, is at work on is looked at again under a claim of its own, or left out and counted as busy. Repair takes things off
 * the kernel and makes rows and records right; it deletes no volume, layer, blob or container directory.
 */
#pragma once

#include "engine/internal.h"

struct check;
struct finding;
struct network_look;

struct check_kind {
    const char *name;
    /* May be NULL. Looks again first, for time has passed. 0: it is as it should be now. */
    int (*repair)(struct check *c, const struct finding *f, struct err *err);
};

struct finding {
    const struct check_kind *kind;
    char *object, *words;
};
struct findings {
    struct finding *v;
    size_t n;
};
void findings_add(struct findings *list, const struct check_kind *kind, const char *object,
                  const char *fmt, ...) _printf_(4, 5);
void findings_fini(struct findings *list);
bool findings_has(const struct findings *list, const struct check_kind *kind, const char *object);

struct check {
    struct engine *engine;
    bool deep;
    struct findings found;
    unsigned busy; /* objects that could not be looked at in peace */
    json_t *counts;
};

/* Each adds to c->found; a failure means that it could not look. */
int check_database(struct check *c, struct err *err);
int check_containers(struct check *c, struct err *err);
int check_strays(struct check *c, struct err *err);
int check_images(struct check *c, struct err *err);
int check_volumes(struct check *c, struct err *err);

/* The attachments that rows know: an array of their states. */
int check_attachments(struct engine *e, json_t **states, struct err *err);
