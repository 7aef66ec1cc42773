/* SPDX-License-Identifier: Apache-2.0 */
/* --env-file and --label-file from any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "client/kvfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int fd = -1;
    static const struct strv none;
    if (fd < 0)
        fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, n, 0) != (ssize_t)n)
        abort();
    _cleanup_(freep) char *path = str_printf("/proc/self/fd/%d", fd);
    struct strv files = {.v = &path, .n = 1};
    json_t *env = NULL, *labels = NULL;
    _cleanup_(err_fini) struct err err = {0};
    if (env_list(&files, &none, &env, &err) == 0)
        json_decref(env);
    if (label_map(&files, &none, &labels, &err) == 0)
        json_decref(labels);
    return 0;
}
