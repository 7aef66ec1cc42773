/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References: names of images, as Docker reads and writes them
 *
 * "ubuntu" is docker.io/library/ubuntu:latest. The first part is a registry's host when it holds a dot or a colon, is
 * "localhost", or has a capital letter. Grammar: the distribution project's reference format.
 */
#pragma once

#include "base/err.h"

#define REFERENCE_NAME_MAX 255

struct reference {
    char *domain; /* "docker.io" */
    char *path;   /* "library/ubuntu" */
    char *tag;    /* NULL: none */
    char *digest; /* "sha256:…", NULL: none */
};
void reference_fini(struct reference *r);

/* Reads what a client gave. Neither tag nor digest: the tag stays NULL. -EINVAL with Docker's words. */
int reference_parse(const char *text, struct reference *out, struct err *err);
/* The same, "latest" where neither tag nor digest is given, and no digest allowed: what a tag command takes. */
int reference_parse_tagged(const char *text, struct reference *out, struct err *err);

/* "docker.io/library/ubuntu:latest": what the database holds. The caller frees. */
char *reference_canonical(const struct reference *r);
/* "ubuntu:latest": what people see. The caller frees. */
char *reference_familiar(const struct reference *r);
/* "ubuntu", without tag and digest. The caller frees. */
char *reference_familiar_name(const struct reference *r);
