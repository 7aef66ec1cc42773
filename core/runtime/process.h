/* SPDX-License-Identifier: Apache-2.0 */
/* plan.process of a container's own program. */
#pragma once

#include "runtime/plan.h"

/* *out: a new reference. */
int process_of(const struct runtime_input *in, const char *hostname, json_t **out, struct err *err);
