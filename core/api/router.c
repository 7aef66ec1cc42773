/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Router
 *
 * Docker's paths hold at most one name, so a pattern is a prefix, a name and a suffix. The first
 * route that matches wins.
 */
#include "api/router.h"

#include <ctype.h>
#include <errno.h>

#include "base/str.h"

#define VERSION_DIGITS_MAX 4

static int digits_read(const char **at, int *out)
{
    const char *p = *at;
    int value = 0;
    while (isdigit((unsigned char)*p) && p - *at < VERSION_DIGITS_MAX)
        value = value * 10 + (*p++ - '0');
    if (p == *at || isdigit((unsigned char)*p))
        return -EINVAL;
    *at = p;
    *out = value;
    return 0;
}

/* "/v1.NN/rest" gives rest and the numbers; any other path is left as it is, with the newest
 * version. */
static const char *version_cut(const char *path, int *major, int *minor)
{
    *major = 1;
    *minor = API_VERSION_MAX;
    const char *at = str_after(path, "/v");
    int a, b = 0;
    if (!at || digits_read(&at, &a) < 0)
        return path;
    if (*at == '.') {
        at++;
        if (digits_read(&at, &b) < 0)
            return path;
    }
    if (*at != '/')
        return path;
    *major = a;
    *minor = b;
    return at;
}

static int version_check(int major, int minor, struct err *err)
{
    if (major > 1 || (major == 1 && minor > API_VERSION_MAX))
        return err_set(err, -EINVAL,
                       "client version %d.%d is too new. Maximum supported API version is %s",
                       major, minor, API_VERSION_TEXT);
    if (major < 1 || minor < API_VERSION_MIN)
        return err_set(err, -EINVAL,
                       "client version %d.%d is too old. Minimum supported API version is %s, "
                       "please upgrade your client to a newer version",
                       major, minor, API_VERSION_MIN_TEXT);
    return 0;
}

static bool pattern_match(const char *pattern, const char *path, char **param)
{
    const char *hole = strstr(pattern, "{}");
    if (!hole)
        return str_eq(pattern, path);
    size_t prefix = (size_t)(hole - pattern), suffix = strlen(hole + 2), n = strlen(path);
    if (n <= prefix + suffix || strncmp(pattern, path, prefix) != 0)
        return false;
    if (strcmp(path + n - suffix, hole + 2) != 0)
        return false;
    *param = xstrndup(path + prefix, n - prefix - suffix);
    return true;
}

int route_find(const struct route *table, size_t n, const char *method, const char *path,
               struct route_match *out, struct err *err)
{
    int major, minor;
    *out = (struct route_match){.version = API_VERSION_MAX};
    const char *rest = version_cut(path, &major, &minor);
    for (size_t i = 0; i < n; i++) {
        if (table[i].method && !str_eq(table[i].method, method))
            continue;
        if (!pattern_match(table[i].pattern, rest, &out->param))
            continue;
        int r = version_check(major, minor, err);
        if (r < 0)
            return r;
        out->route = &table[i];
        out->version = minor;
        return 0;
    }
    return err_set(err, -ENOENT, "page not found");
}
