/* SPDX-License-Identifier: Apache-2.0 */
/* A private directory with a daemon.conf in it. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "unit.h"

#include "base/fs.h"
#include "base/log.h"
#include "config/config.h"

static char fixture_dir[] = "/tmp/berth-test-config-XXXXXX";

static inline char *fixture_path(const char *name)
{
    return str_printf("%s/%s", fixture_dir, name);
}

static inline void fixture_write(const char *name, const char *text)
{
    _cleanup_(freep) char *path = fixture_path(name);
    assert_int_equal(fs_write(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

/* Loads `text` as the main file, with flags up to NULL. */
static inline int fixture_load_sets(const char *text, const char *const *sets, struct config **out,
                                    struct err *err)
{
    _cleanup_(freep) char *path = fixture_path("daemon.conf");
    struct config_source src = {.file = path, .sets = sets};
    while (sets && sets[src.n_sets])
        src.n_sets++;
    fixture_write("daemon.conf", text);
    return config_load(&src, out, err);
}

static inline int fixture_load(const char *text, struct config **out, struct err *err)
{
    return fixture_load_sets(text, NULL, out, err);
}

static inline void fixture_contains(const char *text, const char *words)
{
    if (!strstr(text, words))
        fail_msg("\"%s\" is not in \"%s\"", words, text);
}

static inline int fixture_run(int (*run)(void))
{
    log_setup("test", LOG_ERROR, false);
    if (!mkdtemp(fixture_dir))
        return 1;
    int r = run();
    fs_rm_rf(AT_FDCWD, fixture_dir);
    return r;
}
