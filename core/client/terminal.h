/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal behind a descriptor is like. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Its columns; `dflt` where there is no terminal, or one that does not say. */
int terminal_columns(int fd, int dflt);
/* Whether what goes there may have colours: it is a terminal, TERM is not "dumb", NO_COLOR is not set. */
bool terminal_colours(int fd);
/* The sequence that begins the n-th of some colours that are told apart well. */
const char *terminal_colour(size_t n);
#define TERMINAL_PLAIN "\033[0m"
