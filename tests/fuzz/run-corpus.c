/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target's main where there is no libFuzzer: runs each file of the directories or files named, once
 *
 * Of libc only: a target for a driver's parser links nothing of core.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define INPUT_MAX (64u << 20)

static int run_file(const char *path)
{
    FILE *f = fopen(path, "re");
    uint8_t *data = NULL;
    size_t n = 0, got = 1;
    while (f && got > 0 && n < INPUT_MAX) {
        uint8_t *more = realloc(data, n + 65536);
        if (!more)
            break;
        data = more;
        got = fread(data + n, 1, 65536, f);
        n += got;
    }
    int failed = !f || got > 0 || ferror(f);
    if (failed)
        fprintf(stderr, "%s: cannot be read whole\n", path);
    else
        LLVMFuzzerTestOneInput(data, n);
    if (f)
        fclose(f);
    free(data);
    return failed;
}

static int run_path(const char *path, int *n)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    int failed = 0;
    if (!dir) {
        (*n)++;
        return run_file(path);
    }
    while ((entry = readdir(dir))) {
        char *file;
        if (entry->d_name[0] == '.')
            continue;
        if (asprintf(&file, "%s/%s", path, entry->d_name) < 0)
            abort();
        failed |= run_file(file);
        free(file);
        (*n)++;
    }
    closedir(dir);
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
