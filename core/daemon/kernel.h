/* SPDX-License-Identifier: Apache-2.0 */
/* Whether this kernel has what nothing else can stand in for. */
#pragma once

#include "base/err.h"

/* -ENOSYS and words that name the first system call that is missing. What came after Linux 5.10 is not asked for: each has a
 * fallback where it is used. */
int kernel_check(struct err *err);
