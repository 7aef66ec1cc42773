/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completion of a command line, from the table of commands
 *
 * The shells' scripts ask the hidden command `__complete`, which prints a candidate a line, with a description behind a tab where there
 * is one, and last a line of what else the shell is to do: ":files", ":directories", ":nospace" or ":".
 */
#pragma once

#include "client/client.h"

struct completion {
    struct client *client; /* asked for names; NULL: no daemon is asked */
    struct strv out;       /* "candidate\tdescription" */
    const char *then;      /* "files", "directories", "nospace", "" */
};

/* Completes the last of these words, which may be empty. */
void complete_words(struct completion *c, int argc, char *const *argv);
void completion_fini(struct completion *c);
/* The words of a shell's line, quotes and backslashes undone; the last one is what is being typed. */
void complete_split(const char *line, struct strv *words);
