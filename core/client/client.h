/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client: what every command shares
 *
 * A command is an entry of the table (a line in commands-list.h): its name, its flags, examples and what its words are
 * completed with as data, from which help, completions and man pages are made, and its function. Commands know the API only.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "base/str.h"
#include "client/flags.h"

struct meter;

struct client {
    char *host;          /* unix:///run/berth.sock, tcp://HOST:PORT */
    int idle;            /* a connection that the next request may use; 0: none */
    struct meter *meter; /* is told what uploads and streamed answers move; NULL: none */
    json_t *config;      /* docker's config.json (user-config.h); NULL: none */
    struct err err;
};

struct cli_command {
    const char *group;   /* "container", "image", …; NULL: only without one */
    const char *name;    /* "run": `berth container run` */
    const char *aliases; /* more names in the group, "list ps" */
    const char *top; /* the name without its group: "run", "ps", "rmi"; NULL: only with its group */
    const char *usage; /* "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
    const char *summary;
    const char *about; /* what help and man page say beyond that; paragraphs end with a newline */
    /* Lines of words, and of commands that begin with four spaces: "A shell that is gone afterwards:\n    berth run …\n" */
    const char *examples;
    int min, max;               /* positional arguments; max -1: any number */
    bool stop_at_first;         /* flags end at the first positional argument */
    bool common;                /* one of the commands that help names first */
    bool hidden;                /* in no help, page or completion */
    const struct flag *flags;   /* ends with a name of NULL */
    const struct flag *more;    /* a second table (run has create's and its own); NULL: none */
    enum completes first, rest; /* what the first positional argument is, and the others */
    int (*run)(struct client *c, const struct args *a); /* the exit code */
};

struct cli_group {
    const char *name, *summary;
};

extern const struct flag cli_global_flags[];

const struct cli_command *const *cli_commands(size_t *n);
const struct cli_group *cli_groups(size_t *n);
/* NULL: there is no such group. */
const struct cli_group *cli_group(const char *name);
/* The command that these words begin with, NULL when there is none; *used are the words that name it, or would (1 or 2). */
const struct cli_command *cli_find(int argc, char *const *argv, int *used);
/* The command (or group) that was meant; NULL when none is near. Without a group: of those that need none. */
const char *cli_nearest(const char *group, const char *name);
/* As it is called: "run", "volume ls". The caller frees. */
char *cli_words(const struct cli_command *cmd);
/* Whether `word` stands in a list with spaces between; NULL is the empty list. */
bool cli_has_word(const char *words, const char *word);

/* Prints "berth: words" and returns `exit_code`. */
int cli_fail(const struct client *c, int exit_code);
/* Runs `one` for each positional argument, prints each failure, returns 0 or 1. */
int cli_each(struct client *c, const struct args *a,
             int (*one)(struct client *c, const struct args *a, const char *ref));
