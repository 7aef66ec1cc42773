/* SPDX-License-Identifier: Apache-2.0 */
/* Errors across the ABI: a driver's words into ours. */
#include "plugin/err-bridge.h"

#include <errno.h>

#include "base/str.h"

#define ERRNO_MAX 4095

static bool is_errno(int code)
{
    return code < 0 && code >= -ERRNO_MAX;
}

_printf_(3, 0) static void set(struct berth_err *base, int32_t code, const char *fmt, va_list ap)
{
    struct plugin_err *e = container_of(base, struct plugin_err, base);
    if (!e->err)
        return;
    _cleanup_(freep) char *msg = str_vprintf(fmt, ap);
    err_set(e->err, is_errno(code) ? code : -EIO, "%s", msg);
}

void plugin_err_init(struct plugin_err *e, struct err *err)
{
    err_clear(err);
    *e = (struct plugin_err){.base = {.size = sizeof(e->base), .set = set}, .err = err};
}

int plugin_result(int r, struct err *err, const char *driver, const char *slot)
{
    if (r == 0) { /* words of a step that the driver got over */
        err_clear(err);
        return 0;
    }
    if (!is_errno(r))
        return err_set(err, -EIO, "driver %s: %s() returned %d, which is no error number", driver,
                       slot, r);
    if (!err)
        return r;
    if (str_empty(err->msg))
        return err_errno(err, r, "driver %s: %s() failed", driver, slot);
    err->code = r;
    return r;
}
