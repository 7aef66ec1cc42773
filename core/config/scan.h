/* SPDX-License-Identifier: Apache-2.0 */
/* A look at a configuration's text before libconfig reads it; internal to config/. */
#pragma once

#include "base/err.h"
#include "base/str.h"

/* Refuses, with "NAME:LINE: ", what libconfig would take silently wrong or without a bound: bytes that are no text,
 * numbers that do not fit, groups within groups without end. Adds the files that @include lines name to `includes`. */
int config_scan(const char *name, const char *text, size_t n, struct strv *includes,
                struct err *err);
