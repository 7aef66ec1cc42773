/* SPDX-License-Identifier: Apache-2.0 */
/* What a layer has changed in what stands below it. */
#pragma once

#include "engine/internal.h"

struct change {
    char *path;    /* absolute inside the layer */
    uint32_t kind; /* enum berth_change_kind */
};

struct changes {
    struct change *v;
    size_t n, cap;
};
void changes_fini(struct changes *c);

/* Sorted, a directory before what is in it. */
int changes_read(struct engine *e, const char *layer_id, struct changes *out, struct err *err);
