/* SPDX-License-Identifier: Apache-2.0 */
/* --filter key=value, repeated, as the API's filters parameter; and times as the user gives them. */
#pragma once

#include "client/client.h"

/* "&filters=…", or "" when there are none, of --filter and `more` (KEY=VALUE or NULL). The caller frees; NULL with words
 * when one has no '='. */
char *filters_query(const struct args *a, const char *more, struct err *err);
/* "42m" → seconds since the epoch that long ago; a date and time without a zone → that time here; anything else as it is.
 * The caller frees. */
char *time_argument(const char *s);
/* "&platform=…" of --platform (OS/ARCH[/VARIANT]), as the API takes it, or "" without one. The caller frees; NULL with words. */
char *platform_query(const struct args *a, struct err *err);
