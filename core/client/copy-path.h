/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `cp` makes of its two arguments
 *
 * Docker's rules: where the archive is unpacked, and what its first name becomes. A path that ends in "/" or "/." means a directory.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* "CONTAINER:PATH", or a path here (container NULL): what begins with "/" or "." is one. Both are the caller's. */
void copy_arg_split(const char *arg, char **container, char **path);
/* An absolute path of one here, "/." or "/" kept at its end. NULL: there is no working directory. */
char *copy_path_absolute(const char *path);
/* Its directory and its last part, which is "." for "x/.". Both are the caller's. */
void copy_path_split(const char *path, char **dir, char **base);
/* Ends in "/" or "/.". */
bool copy_path_is_dir(const char *path);

struct copy_end {
    const char *path;
    const char *
        rename; /* of the source: how its last part is called in the archive instead; NULL: as it is */
    bool exists, is_dir;
};
struct copy_plan {
    char *dir; /* where the archive is unpacked */
    char *to;  /* what the source's name becomes; NULL: it stays */
};
/* -EINVAL in Docker's words: "cannot copy directory", "no such directory". */
int copy_plan_make(const struct copy_end *src, const struct copy_end *dst, struct copy_plan *out,
                   struct err *err);
void copy_plan_fini(struct copy_plan *p);
