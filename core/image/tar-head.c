/* SPDX-License-Identifier: Apache-2.0 */
/* One header block of a tar. POSIX.1-1988, ustar interchange format. */
#include "image/tar-head.h"

#include <stdio.h>
#include <string.h>

#define OCTAL_MAX 077777777777LL

struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, linkname[100];
    char magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK, "a block");

/* GNU's form where octal digits do not reach: the highest bit, then the number, most significant byte first. */
static void put_size(char out[12], int64_t size)
{
    if (size <= OCTAL_MAX) {
        snprintf(out, 12, "%011llo", (unsigned long long)size);
        return;
    }
    memset(out, 0, 12);
    out[0] = (char)0x80;
    for (int i = 11; i > 3; i--, size >>= 8)
        out[i] = (char)(size & 0xff);
}

void tar_head(char out[TAR_BLOCK], const char *name, bool dir, int64_t size)
{
    struct ustar h = {.type = dir ? '5' : '0'};
    unsigned sum = 0;
    memcpy(h.name, name, strnlen(name, sizeof(h.name)));
    snprintf(h.mode, sizeof(h.mode), "%07o", dir ? 0755u : 0644u);
    snprintf(h.uid, sizeof(h.uid), "%07o", 0u);
    snprintf(h.gid, sizeof(h.gid), "%07o", 0u);
    put_size(h.size, size);
    snprintf(h.mtime, sizeof(h.mtime), "%011o", 0u);
    memcpy(h.magic, "ustar", 6);
    memcpy(h.version, "00", 2);
    memset(h.checksum, ' ', sizeof(h.checksum));
    memcpy(out, &h, TAR_BLOCK);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)out[i];
    snprintf(h.checksum, sizeof(h.checksum) - 1, "%06o", sum);
    memcpy(out, &h, TAR_BLOCK);
}
