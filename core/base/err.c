/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: an errno for the class, words for the person. */
#include "base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/str.h"

void err_fini(struct err *err)
{
    free(err->msg);
    err->msg = NULL;
    err->code = 0;
}

void err_clear(struct err *err)
{
    if (err)
        err_fini(err);
}

static int set_words(struct err *err, int code, char *msg)
{
    free(err->msg);
    err->msg = msg;
    err->code = code;
    return code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    char *msg = str_vprintf(fmt, ap);
    va_end(ap);
    return set_words(err, code, msg);
}

/* What an errno says, as Go writes it: within a sentence, so in lower case. The caller frees it. */
static char *errno_words(int errnum)
{
    char *s = xstrdup(strerrordesc_np(errnum) ?: "unknown error");
    if (s[0] && islower((unsigned char)s[1]))
        s[0] = (char)tolower((unsigned char)s[0]);
    return s;
}

int err_errno(struct err *err, int code, const char *fmt, ...)
{
    if (!err)
        return code;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_(freep) char *msg = str_vprintf(fmt, ap);
    va_end(ap);
    _cleanup_(freep) char *words = errno_words(-code);
    return set_words(err, code, str_printf("%s: %s", msg, words));
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    if (!err)
        return -EIO;
    va_list ap;
    va_start(ap, fmt);
    _cleanup_(freep) char *context = str_vprintf(fmt, ap);
    va_end(ap);
    int code = err->code ? err->code : -EIO;
    return set_words(err, code, str_printf("%s: %s", context, err_msg(err)));
}

const char *err_msg(const struct err *err)
{
    if (err && err->msg)
        return err->msg;
    const char *text = err && err->code ? strerrordesc_np(-err->code) : NULL;
    return text ? text : "unknown error";
}

int err_move(struct err *to, struct err *from)
{
    int code = from ? from->code : -EIO;
    if (!to) {
        err_clear(from);
        return code;
    }
    if (from) {
        err_fini(to);
        *to = *from;
        *from = (struct err){0};
    }
    return code;
}
