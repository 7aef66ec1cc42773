/* SPDX-License-Identifier: Apache-2.0 */
/* Flags of the command line, as pflag reads them: --name value, --name=value, -n value, -nvalue, -abc, --. */
#pragma once

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"

enum flag_kind { FLAG_BOOL, FLAG_STRING, FLAG_LIST, FLAG_INT };

/* What a word of the command line can be completed with. */
enum completes {
    COMPLETE_NOTHING,
    COMPLETE_CONTAINER, /* of any state */
    COMPLETE_RUNNING,
    COMPLETE_STOPPED,
    COMPLETE_IMAGE,
    COMPLETE_VOLUME,
    COMPLETE_NETWORK,
    COMPLETE_FILE,
    COMPLETE_DIRECTORY,
    COMPLETE_CONTAINER_PATH, /* cp's CONTAINER:PATH, or a file */
    COMPLETE_COMMAND,        /* help's */
};

struct flag {
    const char *name;
    char letter; /* 0: none */
    enum flag_kind kind;
    const char *value; /* what help shows for the value: "bytes", "list" */
    const char *help;
    const char
        *words; /* the values that it can have, or begin with, "always missing never"; NULL: any */
    enum completes completes; /* what else its value is completed with */
    bool hidden;              /* in no help, page or completion */
};

struct args {
    struct map values; /* name → struct strv * */
    struct strv rest;  /* positional */
    bool help;         /* --help stood among the flags: the rest was not read */
};

/* -EINVAL: words that name the flag and the nearest one. `more` may be NULL. --help is a flag of every command. */
int args_parse(struct args *a, const struct flag *flags, const struct flag *more,
               bool stop_at_first, int argc, char **argv, struct err *err);
void args_fini(struct args *a);
bool args_given(const struct args *a, const char *name);
bool args_bool(const struct args *a, const char *name);
bool args_bool_or(const struct args *a, const char *name, bool dflt);
/* The last value. */
const char *args_str(const struct args *a, const char *name, const char *dflt);
int64_t args_int(const struct args *a, const char *name, int64_t dflt);
/* All values; an empty vector when there is none. */
const struct strv *args_list(const struct args *a, const char *name);
