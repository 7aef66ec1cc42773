/* SPDX-License-Identifier: MIT */
/*
 * Options: a driver's schema, and the validated values
 *
 * The host checks daemon.conf (group `options.<driver>` of the kind's section) and the options of a single object
 * (a container's --log-opt, a network's or volume's -o) against the schema before the driver sees any of them.
 */
#ifndef BERTH_OPTIONS_H
#define BERTH_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum berth_option_type {
    BERTH_OPT_STRING = 1,
    BERTH_OPT_BOOL = 2,     /* true, false, 1, 0 … */
    BERTH_OPT_INT = 3,      /* min … max */
    BERTH_OPT_SIZE = 4,     /* "10m": bytes, powers of 1024; min … max; "-1" where min is -1 */
    BERTH_OPT_DURATION = 5, /* Go's "1m30s": nanoseconds; min … max */
    BERTH_OPT_ENUM = 6,     /* one of `choices` */
    BERTH_OPT_CIDR = 7,     /* "172.29.0.0/16", "fd00::/64" */
    BERTH_OPT_IP = 8,
};

enum berth_option_flags {
    BERTH_OPT_DAEMON = 1u << 0, /* may stand in daemon.conf */
    BERTH_OPT_OBJECT = 1u << 1, /* may stand at one container, network or volume */
    BERTH_OPT_SECRET = 1u << 2, /* never logged nor shown */
};

/* One option. Pointers and the array they stand in live as long as the driver. */
struct berth_option {
    size_t size;                /* sizeof(struct berth_option) of the driver */
    const char *name;           /* in daemon.conf and in -o; lower case */
    uint32_t type;              /* enum berth_option_type */
    uint32_t flags;             /* enum berth_option_flags */
    const char *dflt;           /* as text; NULL: unset */
    int64_t min, max;           /* for INT, SIZE, DURATION; both 0: no limit */
    const char *const *choices; /* ENUM: NULL-terminated */
    const char *help;           /* one line */
};

/* The validated values: daemon.conf's, with those of the object over them. Borrowed for the call, or for the life of
 * `self` where they come from berth_host. Read-only and safe from any thread. */
struct berth_options {
    size_t size;
    /* The text of an option after defaults, or NULL when it is unset. */
    const char *(*get)(const struct berth_options *o, const char *name);
    /* The value of BOOL (0, 1), INT, SIZE (bytes), DURATION (ns); `dflt` when unset. */
    int64_t (*get_int)(const struct berth_options *o, const char *name, int64_t dflt);
    /* Calls `each` for every value that was given (not for defaults), also for free keys of objects. Stops and returns
     * what `each` returned when that is not 0. */
    int (*each)(const struct berth_options *o,
                int (*each)(void *ctx, const char *name, const char *value), void *ctx);
};

static inline const char *berth_opt_str(const struct berth_options *o, const char *name,
                                        const char *dflt)
{
    const char *s = o ? o->get(o, name) : NULL;
    return s ? s : dflt;
}

static inline int64_t berth_opt_int(const struct berth_options *o, const char *name, int64_t dflt)
{
    return o ? o->get_int(o, name, dflt) : dflt;
}

static inline bool berth_opt_bool(const struct berth_options *o, const char *name, bool dflt)
{
    return o ? o->get_int(o, name, dflt) != 0 : dflt;
}

#ifdef __cplusplus
}
#endif
#endif
