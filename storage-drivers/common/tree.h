/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees
 *
 * Directories walked through descriptors, links never followed. What containers leave behind may be nested without
 * limit: removal has none, the other walks refuse more than TREE_DEPTH levels.
 */
#pragma once

#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

#include "berth/err.h"
#include "berth/storage.h"

#define TREE_DEPTH 512

/* Opens a directory for reading its entries; NULL with errno. */
DIR *tree_opendir(int parent, const char *name);
/* Removes `name` below `parent`, whatever it is; absent is fine. Negative errno. */
int tree_remove(int parent, const char *name);
/* What the tree below `fd` takes: blocks and inodes, each inode once. */
int tree_usage(int fd, struct berth_usage *out, struct berth_err *err);

/* Inodes that a walk has seen already. */
struct inode_set;
/* 1: was there, with *slot what was stored with it; 0: added, *slot to be filled; negative errno. */
int inode_set_put(struct inode_set **set, const struct stat *st, void ***slot);
/* Frees the set, and what is stored in it with free_value (may be NULL). */
void inode_set_free(struct inode_set *set, void (*free_value)(void *));
