/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layouts: what an archive of images says it holds
 *
 * Two tables of contents are known: manifest.json of docker's archives (1.10 and newer), and index.json of the OCI image layout, with
 * indexes below it. Both give the same: images, each a configuration and its layers by their names in the archive. Everything here is
 * bounded and hostile until it has passed.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "image/platform.h"

struct layout_image {
    char *config;       /* its file's name in the archive */
    struct strv layers; /* names, lowest first */
    struct strv names;  /* references, canonical; may be none */
};

struct layout {
    struct layout_image *v;
    size_t n;
};
void layout_fini(struct layout *l);

/* Where the documents come from. */
struct layout_source {
    void *ctx;
    bool (*has)(void *ctx, const char *name);
    /* *text is the caller's. -EINVAL with words: no such file, or it is too large. */
    int (*text)(void *ctx, const char *name, char **text, size_t *n, struct err *err);
};

/* want NULL: all images, and of an index that offers several platforms the host's. -EINVAL with words. */
int layout_read(const struct layout_source *s, const struct platform *want, struct layout *out,
                struct err *err);
