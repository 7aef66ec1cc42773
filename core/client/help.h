/* SPDX-License-Identifier: Apache-2.0 */
/* Help, made from the table of commands, in the layout of docker's. All of it goes to stdout. */
#pragma once

#include "client/client.h"

void help_command(const struct cli_command *cmd);
/* The commands of a group; of all when NULL. */
void help_group(const struct cli_group *group);
/* The flags of up to two tables, sorted by name, wrapped to so many columns. */
void help_flags(const struct flag *flags, const struct flag *more, int columns);
/* Both tables as one list, sorted by name, without those that are hidden; the caller frees the list. */
const struct flag **flags_sorted(const struct flag *flags, const struct flag *more, size_t *n);
