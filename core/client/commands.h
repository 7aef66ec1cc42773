/* SPDX-License-Identifier: Apache-2.0 */
/* The commands, each file's contribution to the table, and what some of them lend each other. */
#pragma once

#include "client/client.h"

#define COMMAND(name) extern const struct cli_command command_##name;
#include "client/commands-list.h"
#undef COMMAND

/* NAME:TAG or NAME@DIGEST into its parts; *tag is "latest" where there is none. Both are the caller's. */
void split_reference(const char *reference, char **name, char **tag);
/* Has the daemon pull an image. */
int image_pull(struct client *c, const char *reference);
