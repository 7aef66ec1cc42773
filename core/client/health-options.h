/* SPDX-License-Identifier: Apache-2.0 */
/* The flags of run and create that speak of the container's health. */
#pragma once

#include <jansson.h>

#include "client/flags.h"

/* --health-*, --no-healthcheck and --on-unhealthy → Config.Healthcheck and a label. Labels are there already. */
int health_options(const struct args *a, json_t *config, struct err *err);
