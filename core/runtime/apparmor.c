/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/apparmor.h"

#include <errno.h>
#include <fcntl.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/str.h"
#include "base/tool.h"
#include "runtime/host-config.h"

#define ENABLED     "/sys/module/apparmor/parameters/enabled"
#define LOADED      "/sys/kernel/security/apparmor/profiles"
#define ABI         "abi/3.0" /* below /etc/apparmor.d: what the profile was written for */
#define PROFILE_MAX (64u << 10)
#define LOAD_MS     20000

static bool is_enabled(void)
{
    _cleanup_(freep) char *text = NULL;
    return fs_read(AT_FDCWD, ENABLED, 16, &text, NULL) == 0 && text[0] == 'Y';
}

static bool is_loaded(const char *name)
{
    _cleanup_(freep) char *text = NULL;
    if (fs_read(AT_FDCWD, LOADED, 16 << 20, &text, NULL) < 0)
        return false;
    _cleanup_(freep) char *line = str_printf("\n%s (", name);
    return str_after(text, line + 1) || strstr(text, line);
}

/* Without an ABI the parser takes for known whatever this kernel can mediate, and so forbids what the profile never heard of. */
static char *with_abi(const char *profile)
{
    bool known = fs_exists(AT_FDCWD, "/etc/apparmor.d/" ABI);
    return str_printf("%s%s", known ? "abi <" ABI ">,\n" : "", profile);
}

int apparmor_load(const char *file, const char **profile, struct err *err)
{
    static const char *const argv[] = {"apparmor_parser", "--skip-cache", "--replace", NULL};
    _cleanup_(freep) char *text = NULL;
    *profile = NULL;
    if (!is_enabled())
        return 0;
    int r = fs_read(AT_FDCWD, file, PROFILE_MAX, &text, NULL);
    if (r < 0)
        return err_errno(err, r, "reading %s", file);
    _cleanup_(freep) char *whole = with_abi(text);
    r = tool_run(argv, whole, LOAD_MS, err);
    if (r == -ENOENT && !is_loaded(APPARMOR_DEFAULT))
        return err_set(err, r, "apparmor_parser is not installed (package apparmor)");
    if (r < 0 && r != -ENOENT)
        return err_wrap(err, "loading %s", file);
    *profile = APPARMOR_DEFAULT;
    return 0;
}

const char *apparmor_word(const json_t *host_config, const char *profile)
{
    struct security_opts sec;
    if (security_opts_read(host_config, &sec, NULL) < 0)
        return profile; /* refused at create; never less confined for it */
    if (sec.apparmor)
        return !profile && str_eq(sec.apparmor, APPARMOR_DEFAULT) ? APPARMOR_NONE : NULL;
    return profile && json_bool(host_config, "Privileged", false) ? APPARMOR_NONE : profile;
}
