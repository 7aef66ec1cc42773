/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's own log
 *
 * One line a message on stderr, as text or JSON (an object with time, level, program and msg). Safe from any thread; lines
 * never mix. Secrets are never passed here.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* `program` is borrowed for good ("berthd"). Call before threads start; level may change any time. */
void log_setup(const char *program, enum log_level level, bool json);
/* For a program that another one of ours started: level and format are those of its log (log_environment), or info and text. */
void log_setup_inherited(const char *program);
/* The variable that says it to such a program, the caller frees; and this program's environment with it. */
char *log_variable(void);
void log_environment(struct strv *out);
void log_set_level(enum log_level level);
void log_set_json(bool json);
/* debug, info, warn, error; -EINVAL for another word. */
int log_level_parse(const char *word, enum log_level *out);

void log_at(enum log_level level, const char *fmt, ...) _printf_(2, 3);
void log_vat(enum log_level level, const char *fmt, va_list ap) _printf_(2, 0);

#define log_debug(...) log_at(LOG_DEBUG, __VA_ARGS__)
#define log_info(...)  log_at(LOG_INFO, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_at(LOG_ERROR, __VA_ARGS__)
