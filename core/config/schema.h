/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schema of daemon.conf
 *
 * Every key: its type, default, range, check, and where its value goes. Internal to config/, and what its tests and
 * the documentation go by.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum config_type {
    CONFIG_STRING,  /* char * */
    CONFIG_INT,     /* int64_t: min … max */
    CONFIG_SIZE,    /* int64_t: a number of bytes or "64m" */
    CONFIG_BOOL,    /* bool */
    CONFIG_STRINGS, /* struct strv */
    CONFIG_OBJECTS, /* { T *v; size_t n; } of groups, see `element` */
    CONFIG_DRIVERS, /* groups named after drivers, checked by their schemas; not stored */
    CONFIG_FREE,    /* groups that somebody else checks; not stored */
};

struct config_key {
    const char *path; /* "storage.driver" */
    enum config_type type;
    size_t offset;
    const char *dflt; /* as in the file; NULL: none, and in an element: must be given */
    int64_t min, max;
    int (*check)(const char *text,
                 struct err *err); /* of a string, or of each; words without the key */
    const struct config_element *element;
    bool live; /* a reload applies it; otherwise a new daemon does */
    const char *help;
};

/* A group in a list of groups. */
struct config_element {
    const char *example;
    size_t size;
    const struct config_key *keys;
    size_t n;
};

extern const struct config_key config_schema[];
extern const size_t config_schema_n;

/* The key nearest to a misspelt one among those of its group (a full path), or NULL; `all` gets their list. The caller
 * frees both. */
char *config_schema_nearest(const char *path, char **all);
