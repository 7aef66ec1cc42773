/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to an HTTP health check from any bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "shim/check-http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct http_answer a;
    if (http_answer_read((const char *)data, n, &a) != 1)
        return 0;
    if (a.head > n || a.line >= a.head || a.status < 100 || a.status > 599 || a.length < -1)
        abort();
    return 0;
}
