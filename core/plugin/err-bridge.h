/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors across the ABI
 *
 * Gives a driver a struct berth_err that fills our struct err, and judges what a slot returned:
 *
 *     PLUGIN_ERR(perr, err);
 *     return plugin_result(ops->layer_remove(self, id, &perr.base), err, name, "layer_remove");
 */
#pragma once

#include <berth/err.h>

#include "base/err.h"

struct plugin_err {
    struct berth_err base;
    struct err *err;
};

/* Forgets what `err` (may be NULL) holds, so that plugin_result() sees whether the driver set words. */
void plugin_err_init(struct plugin_err *e, struct err *err);

#define PLUGIN_ERR(name, target)                                                                   \
    struct plugin_err name;                                                                        \
    plugin_err_init(&name, (target))

/* 0, or a negative errno with words in `err` even where the driver set none. What is neither becomes -EIO. */
int plugin_result(int r, struct err *err, const char *driver, const char *slot);
