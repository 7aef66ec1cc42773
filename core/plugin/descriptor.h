/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of a driver's descriptor and ops table; internal to plugin/. */
#pragma once

#include <berth/plugin.h>

#include "base/err.h"

/* `room` is the size of the symbol in the file: nothing beyond it is read. `kind` 0: any. */
int descriptor_check(const struct berth_plugin *d, size_t room, uint32_t kind, struct err *err);
