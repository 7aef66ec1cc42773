/* SPDX-License-Identifier: Apache-2.0 */
/* berthd's command line. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

struct options {
    char *config; /* NULL: the installation's */
    struct strv sets;
    bool check_config, recover, version, help;
};

void options_fini(struct options *o);
/* -EINVAL in words for what berthd does not take. */
int options_parse(struct options *o, int argc, char **argv, struct err *err);
void options_usage(FILE *to);
