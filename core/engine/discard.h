/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Discarded directories
 *
 * What nobody needs any more leaves its place at once, by a rename into data_root/tmp, and its files are deleted by a thread: whoever waits
 * for a removal does not wait for them. A start of the daemon empties tmp, so a crash leaves nothing.
 */
#pragma once

#include "base/err.h"

struct discards;
/* data_root/tmp is there. */
int discards_open(const char *data_root, struct discards **out, struct err *err);
/* Deletes what is left, and ends the thread. */
void discards_close(struct discards *d);
/* Takes a directory away. One that is not there is fine; one that cannot be moved is deleted on the spot. */
int discard_directory(struct discards *d, const char *path);
