/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal behind a descriptor. */
#include "client/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/str.h"

int terminal_columns(int fd, int dflt)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : dflt;
}

bool terminal_colours(int fd)
{
    return isatty(fd) && str_empty(getenv("NO_COLOR")) && !str_eq(getenv("TERM"), "dumb");
}

const char *terminal_colour(size_t n)
{
    static const char *const colours[] = {"\033[36m", "\033[33m", "\033[32m", "\033[35m",
                                          "\033[34m", "\033[96m", "\033[93m", "\033[92m",
                                          "\033[95m", "\033[94m"};
    return colours[n % ARRAY_SIZE(colours)];
}
