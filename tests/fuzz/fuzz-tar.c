/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Archives from any bytes
 *
 * Unpacks into a directory beside a witness, in each form of whiteouts and as a copy into a container does it. Whatever comes, the witness
 * stays as it is and nothing appears beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/fs.h"
#include "base/str.h"
#include "berth/host.h"
#include "image/archive/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool fine)
{
    if (!fine)
        abort();
}

static int64_t entries(const char *dir)
{
    int64_t n = 0;
    _cleanup_(closedirp) DIR *d = opendir(dir);
    must(d);
    while (readdir(d))
        n++;
    return n;
}

static void unpack(const uint8_t *data, size_t n, const char *dir, struct archive_target to)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(freep) char *root = str_printf("%s/root", dir);
    _cleanup_(closep) int tar = memfd_create("tar", MFD_CLOEXEC);
    must(tar >= 0 && fs_write_all(tar, data, n) == 0 && lseek(tar, 0, SEEK_SET) == 0);
    must(fs_mkdir_p(root, 0700) == 0);
    _cleanup_(closep) int fd = fs_open_dir(AT_FDCWD, root);
    must(fd >= 0);
    to.root = fd;
    must(!to.prefix || mkdirat(fd, to.prefix, 0700) == 0);
    int r = unpack_run(tar, &to, NULL, &err);
    must(r == 0 || (r < 0 && err.msg));
    must(fs_rm_rf(AT_FDCWD, root) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char dir[] = "/tmp/berth-fuzz-XXXXXX";
    const struct rlimit files = {16 << 20, 16 << 20};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &files);
    must(mkdtemp(dir));
    _cleanup_(freep) char *witness = str_printf("%s/witness", dir);
    must(fs_write(AT_FDCWD, witness, "w", 1, 0600) == 0);
    for (uint32_t form = BERTH_WHITEOUT_APPLY; form <= BERTH_WHITEOUT_OCI; form++)
        unpack(data, n, dir, (struct archive_target){.form = form});
    const struct archive_target copy = {.prefix = "in",
                                        .form = BERTH_WHITEOUT_OCI,
                                        .keep_top = true,
                                        .no_replace = true,
                                        .from = "a",
                                        .to = "b"};
    unpack(data, n, dir, copy);
    _cleanup_(freep) char *text = NULL;
    must(fs_read(AT_FDCWD, witness, 16, &text, NULL) == 0 && str_eq(text, "w"));
    must(entries(dir) == 3);
    return fs_rm_rf(AT_FDCWD, dir);
}
