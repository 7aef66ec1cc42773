/* SPDX-License-Identifier: MIT */
/*
 * Errors across the ABI
 *
 * A slot that can fail returns 0 or a negative errno and says why with berth_err_set(), once, where it went wrong:
 * name the thing, what was wrong with it, and what would be right. The struct is the host's; a driver never reads
 * nor writes its fields.
 */
#ifndef BERTH_ERR_H
#define BERTH_ERR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define BERTH_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define BERTH_PRINTF(fmt, first)
#endif

struct berth_err {
    size_t size; /* sizeof(struct berth_err) of the host */
    /* Replaces the words. `code` is a negative errno. */
    void (*set)(struct berth_err *err, int32_t code, const char *fmt, va_list ap);
};

/* Sets the words and returns `code` (a negative errno), so that `return berth_err_set(err, -EINVAL, "…")` is the
 * whole failure. `err` may be NULL. Any thread that owns the call. */
BERTH_PRINTF(3, 4)
static inline int berth_err_set(struct berth_err *err, int code, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        err->set(err, (int32_t)code, fmt, ap);
        va_end(ap);
    }
    return code;
}

#ifdef __cplusplus
}
#endif
#endif
