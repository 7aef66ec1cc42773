/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists on the terminal: tables, --format, --quiet
 *
 * A list command describes its columns; --format is "table …", a template for each row, or "json". Rows are objects whose
 * members are docker's field names, as text.
 */
#pragma once

#include <errno.h>

#include "base/err.h"
#include "base/json.h"
#include "client/template/template.h"

struct column {
    const char *field;  /* "ID" */
    const char *header; /* "CONTAINER ID" */
};

struct list_format {
    const char *format;           /* --format; NULL: the default table */
    const char *dflt;             /* the default, "table {{.ID}}\t…" */
    const struct column *columns; /* ends with a field of NULL */
    const char *raw;  /* what --format raw is; its first line is that of --quiet; NULL: none */
    const char *type; /* what docker calls the type of a row, "*formatter.ContainerContext" */
    const char *quiet_field; /* with --quiet only this; NULL: not quiet */
    const json_t *
        sources; /* for each row the API's object, whose labels {{.Label "x"}} shows; NULL: no such method */
};

/* The error of a template that is none; docker's exit code for it (but for lists) is EXIT_FORMAT. */
#define FORMAT_SYNTAX (-EBADMSG)
#define EXIT_FORMAT   64

struct go_type;

/* Prints all rows to stdout. */
int format_list(const struct list_format *f, const json_t *rows, struct err *err);
/* Executes a template on one value, with a newline behind it. strict: missing fields are errors. "json": the value as JSON. */
int format_one(const char *format, json_t *value, bool strict, struct err *err);
/* The same on what docker reads into that type (types.h). */
int format_typed(const char *format, json_t *value, const struct go_type *type, struct err *err);
/* As docker's inspect: on the type, and where that fails on the JSON as it came, with the members' own names. */
int format_inspect(const char *format, json_t *value, const struct go_type *type, struct err *err);
/* Whether it is a template at all. */
int format_check(const char *format, struct err *err);

/* "3 minutes", "About an hour", as docker prints spans. The caller frees. */
char *format_span(int64_t seconds);
/* "1.5MB", powers of 1000, three digits. */
char *format_size(int64_t bytes);
/* "1.456MB", four digits: where docker prints that many. */
char *format_size_fine(int64_t bytes);
/* "7.653GiB", powers of 1024, four digits. */
char *format_size_binary(int64_t bytes);
/* "2026-01-02 03:04:05 +0100 CET", as Go prints a time of this zone. */
char *format_time(int64_t seconds);
/* At most so many cells of it, the last an ellipsis where it was cut. */
char *format_ellipsis(const char *s, size_t cells);
/* Between quotes, as a Go string. */
char *format_quoted(const char *s);
/* Cells a string takes on a terminal. */
size_t display_width(const char *s);
