/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the host that berthd runs at its start: they read a text and end. */
#pragma once

#include "base/err.h"

/* Runs argv[0], looked for where system programs are, with `text` as its standard input, for at most limit_ms. -ENOENT: it is not
 * installed (no words); -ETIMEDOUT; -EIO with what it said when it did not exit with 0. */
int tool_run(const char *const *argv, const char *text, int limit_ms, struct err *err);
