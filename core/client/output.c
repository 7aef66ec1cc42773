/* SPDX-License-Identifier: Apache-2.0 */
/* Where an archive goes. */
#include "client/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/id.h"
#include "base/str.h"

static int open_staged(struct output *o, struct err *err)
{
    struct stat st;
    char hex[9];
    bool there = stat(o->path, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        return err_set(err, -EISDIR, "invalid output path: %s is a directory", o->path);
    if (!there || S_ISREG(st.st_mode)) {
        id_random_hex(hex, 4);
        o->staged = str_printf("%s.%s.part", o->path, hex);
    }
    const char *name = o->staged ? o->staged : o->path;
    o->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    return o->fd < 0 ? err_errno(err, -errno, "open %s", o->path) : 0;
}

int output_open(struct output *o, const char *path, const char *label, struct err *err)
{
    *o = (struct output){.path = xstrdup0(path), .fd = STDOUT_FILENO};
    meter_begin(&o->meter, label, -1);
    if (path)
        return open_staged(o, err);
    if (isatty(STDOUT_FILENO))
        return err_set(err, -EINVAL,
                       "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    return 0;
}

int output_each(void *ctx, const char *data, size_t n)
{
    struct output *o = ctx;
    o->code = fs_write_all(o->fd, data, n);
    meter_add(&o->meter, (int64_t)n);
    return o->code;
}

int output_close(struct output *o, int r, struct err *err)
{
    meter_end(&o->meter);
    if (r == 0 && o->code < 0)
        r = err_errno(err, o->code, "writing %s", o->path ? o->path : "the archive");
    if (o->path && o->fd >= 0 && close(o->fd) < 0 && r == 0)
        r = err_errno(err, -errno, "writing %s", o->path);
    if (o->staged && r == 0 && rename(o->staged, o->path) < 0)
        r = err_errno(err, -errno, "writing %s", o->path);
    if (o->staged && r < 0)
        unlink(o->staged);
    free(o->staged);
    free(o->path);
    return r;
}
