/* SPDX-License-Identifier: Apache-2.0 */
/* What commands say when they fail. */
#include <errno.h>

#include "client/client.h"

int cli_fail(const struct client *c, int exit_code)
{
    fprintf(stderr, "berth: %s\n", err_msg(&c->err));
    return exit_code;
}

int cli_each(struct client *c, const struct args *a,
             int (*one)(struct client *c, const struct args *a, const char *ref))
{
    int code = 0;
    for (size_t i = 0; i < a->rest.n; i++) {
        err_clear(&c->err);
        if (str_empty(a->rest.v[i])) {
            err_set(&c->err, -EINVAL, "invalid name or ID: the value is empty");
            code = cli_fail(c, 1);
            continue;
        }
        if (one(c, a, a->rest.v[i]) < 0)
            code = cli_fail(c, 1);
        fflush(stdout);
    }
    return code;
}
