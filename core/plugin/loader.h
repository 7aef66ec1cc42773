/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loader of drivers
 *
 * Opens one .so, checks who could have written it, loads exactly the file that was checked, and checks the
 * descriptor, the ops table and the option schema before anything of the driver is called. A loaded driver stays
 * loaded for the life of the process.
 */
#pragma once

#include <berth/plugin.h>
#include <pthread.h>

#include "base/err.h"
#include "base/str.h"

struct plugin {
    const struct berth_plugin *desc;
    const char *name;    /* the descriptor's */
    struct strv aliases; /* the descriptor's, split */
    char *path;          /* absolute, of the .so */
    pthread_mutex_t serial;
};

/* Loads a driver. `kind` 0: any kind. Refuses in words whatever is not a driver of this ABI that root alone could
 * have put there; -ENOENT when there is no such file. */
int plugin_load_file(const char *path, uint32_t kind, struct plugin **out, struct err *err);
/* Frees our record; the code stays mapped. */
void plugin_free(struct plugin *p);
DEFINE_CLEANUP(struct plugin *, plugin_free);

/* The name that Docker's clients see: the first alias if there is one. */
const char *plugin_api_name(const struct plugin *p);
/* By name or alias. */
bool plugin_has_name(const struct plugin *p, const char *name);
/* "storage", "network", "log", "volume", "module"; NULL for another number. */
const char *plugin_kind_name(uint32_t kind);
