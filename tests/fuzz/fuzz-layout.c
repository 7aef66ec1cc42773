/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of an archive of images, from any bytes
 *
 * The input is cut at NUL bytes into name, text, name, text …: the files of an archive. What is taken must have a configuration, and names that
 * are references.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "image/layout.h"
#include "image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct input {
    const char *data;
    size_t n;
};

static const char *find(const struct input *in, const char *name, size_t *size)
{
    const char *at = in->data, *end = in->data + in->n;
    while (at < end) {
        const char *text = memchr(at, 0, (size_t)(end - at));
        if (!text)
            return NULL;
        const char *stop = memchr(text + 1, 0, (size_t)(end - text - 1));
        stop = stop ? stop : end;
        if (strcmp(at, name) == 0) {
            *size = (size_t)(stop - text - 1);
            return text + 1;
        }
        at = stop + 1;
    }
    return NULL;
}

static bool has(void *ctx, const char *name)
{
    size_t size;
    return find(ctx, name, &size);
}

static int text_of(void *ctx, const char *name, char **text, size_t *n, struct err *err)
{
    const char *s = find(ctx, name, n);
    if (!s)
        return err_set(err, -EINVAL, "no file %s", name);
    *text = xstrndup(s, *n);
    return 0;
}

static void check(const struct layout *l)
{
    for (size_t i = 0; i < l->n; i++) {
        const char *name;
        if (str_empty(l->v[i].config))
            abort();
        strv_foreach (name, &l->v[i].names) {
            _cleanup_(reference_fini) struct reference r = {0};
            if (reference_parse(name, &r, NULL) < 0)
                abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct input in = {(const char *)data, n};
    const struct layout_source source = {&in, has, text_of};
    const struct platform want = {(char *)(uintptr_t) "linux", (char *)(uintptr_t) "amd64",
                                  (char *)(uintptr_t) ""};
    for (int i = 0; i < 2; i++) {
        struct layout l = {0};
        _cleanup_(err_fini) struct err err = {0};
        if (layout_read(&source, i ? &want : NULL, &l, &err) == 0)
            check(&l);
        layout_fini(&l);
    }
    return 0;
}
