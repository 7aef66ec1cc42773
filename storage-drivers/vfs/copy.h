/* SPDX-License-Identifier: Apache-2.0 */
/* Whole trees, copied with all that makes a file: owner, mode, times, attributes, holes, hard links, kind. */
#pragma once

#include "berth/err.h"

/* Copies what stands in `from` into the empty directory `to` (directory descriptors; the roots' own attributes too). */
int copy_tree(int from, int to, struct berth_err *err);
