/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a container's log file from any bytes: one parser is used for all of them, as the reader does. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct line line = {0};
    while (n > 0) {
        const uint8_t *end = memchr(data, '\n', n);
        size_t len = end ? (size_t)(end - data) : n;
        /* Memory of its own, so that a byte read behind the line is seen. */
        char *own = malloc(len ? len : 1);
        if (!own)
            abort();
        memcpy(own, data, len);
        line_parse(&line, own, len);
        free(own);
        if (!end)
            break;
        data += len + 1;
        n -= len + 1;
    }
    line_fini(&line);
    return 0;
}
