/* SPDX-License-Identifier: Apache-2.0 */
/* A shim in reserve: up, and without a container until one is given to it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/id.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/loader.h"
#include "shim/shim.h"
#include "shim/sys.h"

/* What the next container's log will need. One that cannot be loaded is told by the container that wants it. */
static void preload(const json_t *msg)
{
    struct plugin *driver;
    (void)plugin_load_file(json_str(msg, "path", ""), BERTH_LOG, &driver, NULL);
}

static int take(struct frame_reader *reader, const json_t *msg, char *id, int rundir,
                struct err *err)
{
    const char *text = json_str(msg, "id", "");
    _cleanup_(closep) int fd = -1;
    frame_take_fds(reader, &fd, 1);
    if (!str_eq(json_str(msg, "type", ""), "assign") || !id_valid(text) ||
        strlen(text) != strlen(id) || fd < 0)
        return err_set(err, -EPROTO, "a shim in reserve is assigned a container, or let go");
    if (fd == rundir)
        (void)steal_fd(&fd);
    else if (dup3(fd, rundir, O_CLOEXEC) < 0)
        return err_errno(err, -errno, "taking the run directory");
    memcpy(id, text, strlen(id)); /* where ps shows it */
    return 0;
}

int spare_wait(char *id, int control, int rundir, int memfd, json_t **rootfs, struct err *err)
{
    _cleanup_(frame_reader_fini) struct frame_reader reader = {0};
    sys_close_others((const int[]){control, memfd}, 2);
    sys_cloexec_all();
    for (;;) {
        json_auto_t *msg = NULL;
        int r = frame_recv(&reader, control, -1, &msg);
        if (r == -ECONNRESET)
            return 0; /* the daemon is gone, or wants no spare */
        if (r < 0)
            return err_errno(err, r, "waiting for a container");
        if (str_eq(json_str(msg, "type", ""), "preload")) {
            preload(msg);
            continue;
        }
        r = take(&reader, msg, id, rundir, err);
        if (r == 0)
            *rootfs = json_incref(json_obj(msg, "rootfs"));
        return r < 0 ? r : 1;
    }
}
