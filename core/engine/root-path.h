/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths inside a container's root
 *
 * What a client calls "/link/." is found through the root's descriptor only; nothing here follows a link out of it, whoever
 * changes the tree meanwhile.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

struct root_path {
    char *clean; /* absolute, without "." and ".." */
    char *name;  /* the last part as Docker calls it: "." for "/x/.", "/" for the root */
    bool inside; /* it ended in "/" or "/.": a directory is meant, and a link to one is followed */
};
/* Never fails: a relative path is one of the root's. */
void root_path_parse(const char *path, struct root_path *out);
void root_path_fini(struct root_path *p);

/* Opens the place itself (O_PATH); a link only when it is not `inside`. Negative errno. */
int root_path_open(int root, const struct root_path *p);
/* Where a path leads when all links on it are followed, as far as there is something; absolute. The caller frees. */
char *root_resolve(int root, const char *path);
/* Whether `path` is `dir` or below it; both clean and absolute. */
bool root_path_within(const char *path, const char *dir);

/* True for a directory on a file system that the kernel makes up (proc, sysfs, cgroups and their like). */
bool root_is_pseudo(int fd);
/* Mode as Go's os.FileMode has it. */
int64_t go_file_mode(mode_t mode);
/* {"name", "size", "mode", "mtime", "linkTarget"} of an open place. NULL and errno when it cannot be told. */
json_t *root_path_stat(int root, const struct root_path *p, int place);
