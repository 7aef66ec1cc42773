/* SPDX-License-Identifier: Apache-2.0 */
/* Failpoints (tests only). */
#include "base/failpoint.h"

#if BERTH_FAILPOINTS
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"

static int errno_by_name(const char *word)
{
    for (int e = 1; e < 134; e++)
        if (str_eq(strerrorname_np(e), word))
            return e;
    return EIO;
}

int failpoint(const char *name)
{
    const char *env = getenv("BERTH_FAILPOINTS");
    if (str_empty(env))
        return 0;
    struct strv list = {0};
    strv_split(&list, env, ",");
    int r = 0;
    for (size_t i = 0; i < list.n && r == 0; i++) {
        const char *what = str_after(list.v[i], name);
        if (!what || *what != '=')
            continue;
        log_warn("failpoint %s", list.v[i]);
        if (str_eq(what + 1, "crash"))
            raise(SIGKILL);
        if (str_eq(what + 1, "stop")) { /* the test looks around, and lets it go on */
            raise(SIGSTOP);
            continue;
        }
        r = -errno_by_name(what + 1);
    }
    strv_fini(&list);
    return r;
}
#endif
