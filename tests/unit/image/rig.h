/* SPDX-License-Identifier: Apache-2.0 */
/* An image store of its own for each test, over a driver of plain directories. To be included after unit.h. */
#pragma once

#include "image/store.h"
#include "tests/unit/image/fakedriver.h"

struct rig {
    char *root;
    struct state *state;
    struct image_store *store;
    struct fake driver;
    struct err err;
};
extern struct rig f;

#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg(#call ": %s", err_msg(&f.err));                                               \
    } while (0)

void open_all(void);
void close_all(void);
/* Before and after each test. */
int setup(void **ctx);
int teardown(void **ctx);
/* How many entries a directory below the root has. */
size_t count(const char *name);
