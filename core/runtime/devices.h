/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of a container: which nodes its /dev has and what its control group allows. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define DEVICE_ANY (-1)

/* A rule of the device control group: type 'a', 'b' or 'c'. */
struct device_rule {
    char type;
    int major, minor; /* DEVICE_ANY: all */
    bool read, write, mknod;
};
struct device_rules {
    struct device_rule *v;
    size_t n, cap;
};
void device_rules_fini(struct device_rules *rules);

/* "c 10:200 rwm" → a rule; -EINVAL. */
int device_rule_parse(const char *text, struct device_rule *out);

/* Everything a container of this HostConfig may touch: Docker's defaults, Devices, DeviceCgroupRules. Devices that are missing on this
 * machine are an error that names them. A privileged container gets one rule: all. */
int device_rules_of(const json_t *host_config, struct device_rules *rules, struct err *err);
/* The plan's nodes beyond Docker's default ones, pushed to `nodes`. */
int device_nodes_of(const json_t *host_config, json_t *nodes, struct err *err);
/* The plan's nodes that every container has: null, zero, full, tty, urandom, random. */
void device_nodes_default(json_t *nodes);
