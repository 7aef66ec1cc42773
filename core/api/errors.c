/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors as HTTP
 *
 * The engine's errno is the class of what went wrong; this table gives the status that Docker's
 * daemon uses for it.
 */
#include "api/errors.h"

#include <errno.h>
#include <stddef.h>

#include "base/cleanup.h"

static const struct {
    int code;
    unsigned status;
} table[] =
    {
        {ENOENT, 404},    {EEXIST, 409},  {EBUSY, 409},    {EINVAL, 400},
        {ERANGE, 400},    {E2BIG, 400},   {EALREADY, 304}, {EPERM, 403},
        {ENOTSUP, 501},   {ENOEXEC, 400}, /* a program that cannot be started is the request's fault
                                           */
        {ESHUTDOWN, 503},
};

unsigned error_status(int code)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].code == -code)
            return table[i].status;
    return 500;
}
