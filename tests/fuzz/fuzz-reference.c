/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References from any bytes
 *
 * What is taken must come back: the canonical form parses to itself, and so does the familiar one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same_again(const char *text, const char *canonical)
{
    _cleanup_(reference_fini) struct reference r = {0};
    if (reference_parse(text, &r, NULL) < 0)
        abort();
    _cleanup_(freep) char *again = reference_canonical(&r);
    if (!str_eq(again, canonical))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    _cleanup_(freep) char *text = xstrndup((const char *)data, n);
    _cleanup_(reference_fini) struct reference r = {0};
    _cleanup_(err_fini) struct err err = {0};
    if (reference_parse(text, &r, &err) < 0)
        return 0;
    _cleanup_(freep) char *canonical = reference_canonical(&r);
    _cleanup_(freep) char *familiar = reference_familiar(&r);
    same_again(canonical, canonical);
    same_again(familiar, canonical);
    return 0;
}
