/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: what every command shares
 *
 * A command is an entry of the table in commands.c: its name, its flags as data (from which help and later completions
 * and man pages are made) and its function. Commands know the API only.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "client/flags.h"

struct client {
    char *host; /* unix:///run/berth.sock, tcp://HOST:PORT */
    int idle;   /* a connection that the next request may use; 0: none */
    struct err err;
};

struct cli_command {
    const char *group; /* "container", "image", … */
    const char *name;  /* "run": `berth container run` */
    const char *top; /* the name without its group: "run", "ps", "rmi"; NULL: only with its group */
    const char *usage; /* "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
    const char *summary;
    int min, max;             /* positional arguments; max -1: any number */
    bool stop_at_first;       /* flags end at the first positional argument */
    const struct flag *flags; /* ends with a name of NULL */
    const struct flag *more;  /* a second table (run has create's and its own); NULL: none */
    int (*run)(struct client *c, const struct args *a); /* the exit code */
};

const struct cli_command *const *cli_commands(size_t *n);

/* Prints "berth: words" and returns `exit_code`. */
int cli_fail(const struct client *c, int exit_code);
/* Runs `one` for each positional argument, prints each failure, returns 0 or 1. */
int cli_each(struct client *c, const struct args *a,
             int (*one)(struct client *c, const struct args *a, const char *ref));
