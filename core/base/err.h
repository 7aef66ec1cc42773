/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors
 *
 * A function that can fail returns 0 or a negative errno and puts the words into the caller's struct err,
 * once, where it went wrong. Callers above add context with err_wrap(). The errno is the class: the API's
 * table turns it into the HTTP status.
 */
#pragma once

#include "base/cleanup.h"

/* Zero-initialise; err_fini() when done. `msg` is NULL until something was set. */
struct err {
    int code; /* negative errno */
    char *msg;
};

void err_fini(struct err *err);

/* Sets the words (replacing earlier ones) and returns `code`, a negative errno. `err` may be NULL. */
int err_set(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);

/* Like err_set(), with ": " and the text of errno `-code` appended. */
int err_errno(struct err *err, int code, const char *fmt, ...) _printf_(3, 4);

/* Puts "context: " before the words and returns err->code (or -EIO when none was set). */
int err_wrap(struct err *err, const char *fmt, ...) _printf_(2, 3);

/* The words, never NULL. */
const char *err_msg(const struct err *err);

/* Forgets what was set. */
void err_clear(struct err *err);

/* Moves `from` into `to` (either may be NULL). */
int err_move(struct err *to, struct err *from);
