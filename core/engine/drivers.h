/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers at start-up. */
#pragma once

#include "base/err.h"

struct config;
struct engine;
struct registry;

/* Loads what is in plugin_dirs. */
int drivers_load(struct engine *e, struct err *err);
/* Are the drivers there that the configuration names, and are its options for them right? */
int drivers_check(struct registry *registry, struct config *config, struct err *err);
