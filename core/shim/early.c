/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root, early
 *
 * Mounting an overlay is the longest step of a container's mounts, and needs nothing of the plan but the root itself: a shim in reserve is told
 * it with its container, and mounts it while berthd makes the rest of the plan. The mount is detached, so no namespace shows it; it goes
 * with its descriptor unless the container's child puts it in place.
 */
#include <errno.h>
#include <jansson.h>

#include "base/json.h"
#include "shim/shim.h"

void early_root_mount(struct shim *s)
{
    struct mount_op op = {.tree = -1};
    if (!s->early.rootfs)
        return;
    if (root_op_parse(s->early.rootfs, &op, NULL) == 0 && op.fstype) {
        const struct fscontext fs = mount_op_fs(&op);
        int tree = fscontext_mount(&fs, NULL, 0);
        s->early.tree = tree < 0 ? -1 : tree;
    }
    mount_op_fini(&op);
}

int early_root_take(struct shim *s, const json_t *rootfs)
{
    _cleanup_(closep) int tree = steal_fd(&s->early.tree);
    json_auto_t *mounted = steal_ptr(&s->early.rootfs);
    return mounted && json_equal(mounted, rootfs) ? steal_fd(&tree) : -1;
}
