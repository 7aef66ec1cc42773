/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host for drivers under test
 *
 * Loads a built .so, and offers the part of struct berth_host that drivers use, with options given as "key=value"
 * texts that are checked against the driver's own schema.
 */
#pragma once

#include <stdbool.h>

#include "berth/log.h"
#include "berth/storage.h"

struct fake_err {
    struct berth_err base;
    int code;
    char words[1024];
};
void fake_err_init(struct fake_err *e);

struct fake_options {
    struct berth_options base;
    const struct berth_option *const *schema;
    const char *const *given; /* "key=value", NULL-terminated; may be NULL */
};
void fake_options_init(struct fake_options *o, const struct berth_option *const *schema,
                       const char *const *given);

struct fake_host {
    struct berth_host base;
    char *data_dir; /* a fresh directory, removed by fake_host_fini() */
    unsigned warnings;
    char last_log[1024];
};
void fake_host_init(struct fake_host *h, const struct berth_options *options);
void fake_host_fini(struct fake_host *h);

/* The descriptor of build/PATH; ends the test when it does not load. */
const struct berth_plugin *fake_load(const char *path);

/* A directory of its own for the test, in $TMPDIR or /tmp. The caller frees. */
char *fake_tmpdir(void);
void fake_rm_rf(const char *path);

/* Makes and mounts of tests stay in a mount namespace of this process. */
void fake_private_mounts(void);
/* A plan that mounts at once, at fini() of the plan unmounted again. */
struct fake_plan {
    struct berth_mount_plan base;
    int fs;
    char *bind;
    unsigned lowers;
    bool is_volatile;
    char error[512];
};
void fake_plan_init(struct fake_plan *p);
/* 0 or a negative errno. */
int fake_plan_mount(struct fake_plan *p, const char *target, bool readonly);
