/* SPDX-License-Identifier: Apache-2.0 */
/* Failpoints (tests only). */
#include "base/failpoint.h"

#if BERTH_FAILPOINTS
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"

#define TEXT_MAX 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards seen, passed */
static char *seen;
static int64_t passed;

static int errno_by_name(const char *word)
{
    for (int e = 1; e < 134; e++)
        if (str_eq(strerrorname_np(e), word))
            return e;
    return EIO;
}

/* What the test wants now; NULL: nothing. */
static char *wanted(void)
{
    const char *env = getenv("BERTH_FAILPOINTS");
    char *text = NULL;
    if (str_empty(env))
        return NULL;
    if (*env != '@')
        return xstrdup(env);
    return fs_read(AT_FDCWD, env + 1, TEXT_MAX, &text, NULL) < 0 ? NULL : text;
}

/* How many times this text has met a place that it names. */
static int64_t count(const char *text)
{
    pthread_mutex_lock(&lock);
    if (!str_eq(text, seen)) {
        free(seen);
        seen = xstrdup(text);
        passed = 0;
    }
    int64_t n = ++passed;
    pthread_mutex_unlock(&lock);
    return n;
}

static bool is_meant(const char *word, const char *name)
{
    if (str_eq(word, "*"))
        return !str_after(name, "netd.") && !str_after(name, "shim.");
    return str_eq(word, name);
}

int failpoint_pass(const char *marked, struct err *err)
{
    const char *name = marked + strlen(FAILPOINT_MARK);
    _cleanup_(freep) char *text = wanted();
    _cleanup_(strv_fini) struct strv parts = {0};
    if (text)
        strv_split(&parts, text, "=@\n");
    if (parts.n < 2 || !is_meant(parts.v[0], name))
        return 0;
    int64_t nth = 0, n = count(text);
    if (parts.n > 2 && parse_i64(parts.v[2], 1, INT64_MAX, &nth) == 0 && n != nth)
        return 0;
    log_warn("failpoint %s %lld: %s%s", name, (long long)n, parts.v[1], err ? "" : ", not to fail");
    if (str_eq(parts.v[1], "trace"))
        return 0;
    if (str_eq(parts.v[1], "crash"))
        raise(SIGKILL);
    if (str_eq(parts.v[1], "stop")) { /* the test looks around, and lets it go on */
        raise(SIGSTOP);
        return 0;
    }
    return err_errno(err, -errno_by_name(parts.v[1]), "failpoint %s", name);
}
#endif
