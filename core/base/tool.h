/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the host that berthd runs: they read a text, or write one, and end. */
#pragma once

#include "base/err.h"

/* Runs argv[0], looked for where system programs are, with `text` as its standard input, for at most limit_ms. -ENOENT: it is not
 * installed (no words); -ETIMEDOUT; -EIO with what it said when it did not exit with 0. */
int tool_run(const char *const *argv, const char *text, int limit_ms, struct err *err);
/* Runs it without input; *text is what it wrote, the caller's, at most 16 MiB. -ENOENT, -ETIMEDOUT; -EIO with the first line of what it said
 * on stderr when it did not exit with 0. */
int tool_read(const char *const *argv, int limit_ms, char **text, struct err *err);
