/* SPDX-License-Identifier: Apache-2.0 */
/* What the terminal behind a descriptor is like. */
#pragma once

/* Its columns; `dflt` where there is no terminal, or one that does not say. */
int terminal_columns(int fd, int dflt);
