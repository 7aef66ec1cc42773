/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal behind a descriptor. */
#include "client/terminal.h"

#include <sys/ioctl.h>

int terminal_columns(int fd, int dflt)
{
    struct winsize w;
    return ioctl(fd, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : dflt;
}
