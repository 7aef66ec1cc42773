/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's own log
 *
 * One line a message on stderr, as text or JSON. Safe from any thread; a line is one write(2). Secrets are never
 * passed here.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/cleanup.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* `program` is borrowed for good ("berthd"). Call before threads start; level may change any time. */
void log_setup(const char *program, enum log_level level, bool json);
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
