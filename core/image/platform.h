/* SPDX-License-Identifier: Apache-2.0 */
/* Platforms: operating system, architecture and variant, in Go's words. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct platform {
    char *os, *arch, *variant; /* variant "": any */
};
void platform_fini(struct platform *p);

/* What this machine runs. */
void platform_host(struct platform *out);
/* The name that Go has for what uname says of the machine. */
const char *platform_arch(const char *machine);
/* From a client's JSON: {"os":"linux","architecture":"arm64","variant":"v8"}. -EINVAL. */
int platform_read(const char *text, struct platform *out, struct err *err);
/* Whether an object with the members os, architecture and variant (a configuration, or a descriptor's platform) is that one. */
bool platform_matches(const struct platform *want, const json_t *have);
/* Where a client asks for a platform (its JSON; NULL: it does not): -ENOENT with Docker's words unless the configuration is for it. */
int platform_check(const char *text, const json_t *config, const char *ref, struct err *err);
/* "linux/arm64/v8"; the caller frees. */
char *platform_words(const struct platform *p);
