/* SPDX-License-Identifier: Apache-2.0 */
/* `berthd --check-config` */
#pragma once

#include "base/err.h"

struct config;

/* Checks what the configuration says of drivers against the drivers that are installed. Loads them,
 * changes nothing. */
int check_config(struct config *cfg, struct err *err);
