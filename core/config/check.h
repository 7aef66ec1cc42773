/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of single values; internal to config/. Each says what the value would have to be. */
#pragma once

#include "base/err.h"

int config_check_path(const char *text, struct err *err);
int config_check_name(const char *text, struct err *err);
int config_check_group(const char *text, struct err *err);
int config_check_listen(const char *text, struct err *err);
int config_check_log_level(const char *text, struct err *err);
int config_check_log_format(const char *text, struct err *err);
int config_check_label(const char *text, struct err *err);
int config_check_ip(const char *text, struct err *err);
int config_check_domain(const char *text, struct err *err);
int config_check_word(const char *text, struct err *err);
int config_check_subnet(const char *text, struct err *err);
int config_check_cgroup(const char *text, struct err *err);
int config_check_seccomp(const char *text, struct err *err);
int config_check_ulimit(const char *text, struct err *err);
int config_check_registry(const char *text, struct err *err);
int config_check_insecure(const char *text, struct err *err);
int config_check_url(const char *text, struct err *err);

/* A subnet's bytes and prefix length; `bits` is 32 or 128. -EINVAL. */
int config_parse_subnet(const char *text, unsigned char address[16], int *bits, int *prefix);
