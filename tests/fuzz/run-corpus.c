/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target's main where there is no libFuzzer: runs each file of the directories or files named, once. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int run_file(const char *path)
{
    _cleanup_(freep) char *data = NULL;
    size_t n;
    int r = fs_read(AT_FDCWD, path, 64 << 20, &data, &n);
    if (r < 0) {
        fprintf(stderr, "%s: cannot be read (%d)\n", path, r);
        return 1;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)data, n);
    return 0;
}

static int run_path(const char *path, int *n)
{
    _cleanup_(closedirp) DIR *dir = opendir(path);
    const struct dirent *entry;
    int failed = 0;
    if (!dir) {
        (*n)++;
        return run_file(path);
    }
    while ((entry = readdir(dir))) {
        _cleanup_(freep) char *file = str_printf("%s/%s", path, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        failed |= run_file(file);
        (*n)++;
    }
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0, n = 0;
    for (int i = 1; i < argc; i++)
        failed |= run_path(argv[i], &n);
    printf("%d inputs\n", n);
    return failed || n == 0;
}
