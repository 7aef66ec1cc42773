/* SPDX-License-Identifier: Apache-2.0 */
/* Asking before something is lost. */
#include "client/confirm.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/str.h"

bool confirm(const char *warning)
{
    _cleanup_(freep) char *line = NULL;
    size_t cap = 0;
    printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", warning);
    fflush(stdout);
    if (getline(&line, &cap, stdin) < 0)
        return false;
    const char *word = str_trim(line);
    return strcasecmp(word, "y") == 0;
}
