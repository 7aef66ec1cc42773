/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes
 *
 * What the options labels, env and tag ask to be kept beside each line: chosen labels and variables of the container, and
 * a tag made of a template ({{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageID}}, {{.ImageFullID}}, {{.ImageName}},
 * {{.DaemonName}}), as Docker has them.
 */
#pragma once

#include "berth/log.h"
#include "common/buf.h"

struct attr {
    char *key, *value;
};

/* Sorted by key, each key once. */
struct attrs {
    size_t n, cap;
    struct attr *list;
};

/* 0, or a negative errno with words. */
int attrs_collect(const struct berth_log_info *info, struct attrs *out, struct berth_err *err);
/* Replaces the value of a key that is there. */
int attrs_set(struct attrs *a, const char *key, size_t nkey, const char *value, size_t nvalue);
void attrs_fini(struct attrs *a);

/* Expands `template` for the container; with `info` NULL it is only checked. -EINVAL with words. */
int tag_expand(const char *template, const struct berth_log_info *info, struct buf *out,
               struct berth_err *err);
