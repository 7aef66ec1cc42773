/* SPDX-License-Identifier: Apache-2.0 */
/* From method and path to the route that answers. */
#pragma once

#include <stddef.h>

#include "base/err.h"

#define API_VERSION_MAX      51 /* 1.51 */
#define API_VERSION_MIN      24
#define API_VERSION_TEXT     "1.51"
#define API_VERSION_MIN_TEXT "1.24"

struct request;

struct route {
    const char *method; /* NULL: any */
    /* Literal, or with one {} that stands for one or more characters, slashes too (names of images
     * have them). */
    const char *pattern;
    /* Answers once the body is there. 0 when it replied, else a negative errno with words. */
    int (*handle)(struct request *r, struct err *err);
    /* Called before the body, for routes that take it as a stream (or NULL). */
    int (*begin)(struct request *r, struct err *err);
    /* Routes that only say so (`handle` NULL): what is not supported yet. */
    const char *not_yet;
};

extern const struct route routes[];
extern const size_t routes_n;

struct route_match {
    const struct route *route;
    int version; /* 51 for 1.51 */
    char *param; /* what {} stood for, or NULL; the caller's */
};

/* Finds the route in `table`. -ENOENT "page not found" (also for a wrong method, as Docker does),
 * -EINVAL for versions out of range. */
int route_find(const struct route *table, size_t n, const char *method, const char *path,
               struct route_match *out, struct err *err);
