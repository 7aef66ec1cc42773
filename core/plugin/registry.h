/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registry of drivers
 *
 * Every driver of plugin_dirs by kind and name or alias. Filled before threads start, read-only afterwards.
 */
#pragma once

#include "plugin/loader.h"

struct registry;

struct registry *registry_new(void);
void registry_free(struct registry *reg);
DEFINE_CLEANUP(struct registry *, registry_free);

/* Loads every *.so of these directories, in order of the directories and of the names. A file that is refused is logged
 * and remembered with the reason, so that a search for its name can say it. Of two drivers with one kind and name the
 * first stays, with a warning. Negative errno only when a directory that exists cannot be read. */
int registry_load_dirs(struct registry *reg, const char *const *dirs, size_t n, struct err *err);
/* Adds a loaded driver (taken over); -EEXIST when its kind and name are there. */
int registry_add(struct registry *reg, struct plugin *p, struct err *err);

/* Borrowed; NULL when there is none. Names go before aliases. */
struct plugin *registry_find(const struct registry *reg, uint32_t kind, const char *name);
/* As registry_find(); -ENOENT names the drivers that there are, and why a file of that name was refused. */
int registry_find_or_err(const struct registry *reg, uint32_t kind, const char *name,
                         struct plugin **out, struct err *err);
/* Calls `each` for every driver of a kind (0: of all), by name. Stops with what it returned when that is not 0. */
int registry_each(const struct registry *reg, uint32_t kind,
                  int (*each)(void *ctx, struct plugin *p), void *ctx);
