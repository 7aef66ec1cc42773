/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal names
 *
 * The table is libc's (sigabbrev_np); realtime signals are named from either end, as Docker and kill(1) do.
 */
#include "runtime/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"

/* What the C library reserves below SIGRTMIN must not leak into names: the kernel's first is 32, Docker's RTMIN is 34. */
#define RT_MIN 34
#define RT_MAX 64

static int parse_realtime(const char *s, int *out)
{
    bool from_min = strncasecmp(s, "RTMIN", 5) == 0;
    if (!from_min && strncasecmp(s, "RTMAX", 5) != 0)
        return -EINVAL;
    int64_t n = 0;
    const char *rest = s + 5;
    if (*rest) {
        if (*rest != (from_min ? '+' : '-') || !str_only(rest + 1, "0123456789"))
            return -EINVAL;
        int r = parse_i64(rest + 1, 0, RT_MAX - RT_MIN, &n);
        if (r < 0)
            return r;
    }
    *out = from_min ? RT_MIN + (int)n : RT_MAX - (int)n;
    return 0;
}

static int parse_name(const char *s, int *out)
{
    static const struct {
        const char *name;
        int number;
    } aliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}};
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (strcasecmp(s, aliases[i].name) == 0) {
            *out = aliases[i].number;
            return 0;
        }
    }
    for (int i = 1; i < RT_MIN; i++) {
        const char *abbrev = sigabbrev_np(i);
        if (abbrev && strcasecmp(s, abbrev) == 0) {
            *out = i;
            return 0;
        }
    }
    return parse_realtime(s, out);
}

int signal_parse(const char *word, int *out, struct err *err)
{
    const char *s = word ? word : "";
    if (str_only(s, "0123456789")) {
        int64_t n;
        if (parse_i64(s, 1, RT_MAX, &n) < 0)
            return err_set(err, -EINVAL, "Invalid signal: %s", s);
        *out = (int)n;
        return 0;
    }
    const char *name = strncasecmp(s, "SIG", 3) == 0 ? s + 3 : s;
    if (parse_name(name, out) < 0)
        return err_set(err, -EINVAL, "Invalid signal: %s", s);
    return 0;
}

const char *signal_name(int number)
{
    static const char *const realtime[RT_MAX - RT_MIN + 1] = {
        "RTMIN",    "RTMIN+1",  "RTMIN+2",  "RTMIN+3",  "RTMIN+4",  "RTMIN+5",  "RTMIN+6",
        "RTMIN+7",  "RTMIN+8",  "RTMIN+9",  "RTMIN+10", "RTMIN+11", "RTMIN+12", "RTMIN+13",
        "RTMIN+14", "RTMIN+15", "RTMAX-14", "RTMAX-13", "RTMAX-12", "RTMAX-11", "RTMAX-10",
        "RTMAX-9",  "RTMAX-8",  "RTMAX-7",  "RTMAX-6",  "RTMAX-5",  "RTMAX-4",  "RTMAX-3",
        "RTMAX-2",  "RTMAX-1",  "RTMAX"};
    if (number >= RT_MIN && number <= RT_MAX)
        return realtime[number - RT_MIN];
    return number > 0 && number < RT_MIN ? sigabbrev_np(number) : NULL;
}
