/* SPDX-License-Identifier: Apache-2.0 */
/* TLS over a connected, non-blocking socket. */
#pragma once

#include <gnutls/gnutls.h>

#include "berth/log.h"

struct tls {
    gnutls_certificate_credentials_t credentials; /* NULL: not set up */
    gnutls_session_t session;                     /* NULL: not connected */
    bool verify;
};

/* Reads the certificates that the options name. 0, or a negative errno with words. */
int tls_init(struct tls *tls, const struct berth_options *options, struct berth_err *err);
void tls_fini(struct tls *tls);
int tls_connect(struct tls *tls, int fd, const char *host, int64_t deadline_ms,
                struct berth_err *err);
void tls_disconnect(struct tls *tls);
/* As send(2), -EAGAIN included: then call again with the same bytes when `*events` is ready. */
ssize_t tls_send(struct tls *tls, const void *data, size_t n, short *events);
