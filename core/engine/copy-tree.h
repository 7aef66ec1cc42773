/* SPDX-License-Identifier: Apache-2.0 */
/* Copies a directory's content, with owners, modes, times and extended attributes. */
#pragma once

#include "base/err.h"

/* Copies what is in the directory `from` into the directory `to` (both readable descriptors), and gives `to` the owner and mode of
 * `from`. Links are copied, never followed; sockets are left out. */
int copy_tree(int from, int to, struct err *err);
