/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that read HostConfig share. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "runtime/plan.h"

/* Docker's lists: new references. */
json_t *runtime_masked_paths(void);
json_t *runtime_readonly_paths(void);

/* What SecurityOpt says. Strings are borrowed from HostConfig. */
struct security_opts {
    bool no_new_privileges, seccomp_unconfined, writable_cgroups;
    const char *seccomp_profile; /* JSON text, or NULL */
    const char *apparmor;        /* profile, APPARMOR_NONE, or NULL: nothing is said */
};
/* -EINVAL for an option that nobody knows. `err` may be NULL. */
int security_opts_read(const json_t *host_config, struct security_opts *out, struct err *err);

static inline bool mode_is_host(const json_t *host_config, const char *key)
{
    const json_t *v = json_object_get(host_config, key);
    return v && json_is_string(v) && __builtin_strcmp(json_string_value(v), "host") == 0;
}

/* process.rlimits of HostConfig.Ulimits over the daemon's; a new reference, NULL with the words. */
json_t *rlimits_of(const json_t *host_config, const json_t *default_ulimits, struct err *err);
/* The plan's mounts (new reference; NULL with the words). */
json_t *plan_mounts(const struct runtime_input *in, const struct security_opts *sec,
                    struct err *err);
/* Flags and options of a tmpfs from "size=64m,mode=1777,ro": into m.flags and m.options. -EINVAL names the word. */
int tmpfs_options(const char *words, json_t *m, struct err *err);
/* plan.sysctls (new reference). */
json_t *plan_sysctls(const json_t *host_config, bool netns);
/* Refuses sysctls that do not belong to a namespace of the container. */
int sysctls_check(const json_t *host_config, struct err *err);
