/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AppArmor
 *
 * Where the kernel has it, every container gets a profile of ours that has the effect of Docker's, unless it is privileged or names
 * another one.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

/* Its name in the kernel. */
#define APPARMOR_DEFAULT "berth-default"
#define APPARMOR_NONE    "unconfined"

/* Loads the default profile from `file` into the kernel. *profile: APPARMOR_DEFAULT when containers get it, NULL on a kernel without
 * AppArmor (0). -errno with words: AppArmor is in force here, but the profile could not be loaded. */
int apparmor_load(const char *file, const char **profile, struct err *err);

/* What a start adds to SecurityOpt: the word after "apparmor=" where HostConfig leaves it to us, or names a default that is not to be
 * had (`profile` NULL: no AppArmor); else NULL. */
const char *apparmor_word(const json_t *host_config, const char *profile);
