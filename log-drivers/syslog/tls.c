/* SPDX-License-Identifier: Apache-2.0 */
/* TLS. */
#include "tls.h"

#include "common/util.h"
#include "deadline.h"

static int load_ca(struct tls *tls, const char *path, struct berth_err *err)
{
    int n =
        *path ? gnutls_certificate_set_x509_trust_file(tls->credentials, path, GNUTLS_X509_FMT_PEM)
              : gnutls_certificate_set_x509_system_trust(tls->credentials);
    if (n < 0 || (n == 0 && *path))
        return berth_err_set(err, -EINVAL, "syslog-tls-ca-cert %s: %s", path,
                             n < 0 ? gnutls_strerror(n) : "no certificate in it");
    return 0;
}

static int load_key(struct tls *tls, const char *cert, const char *key, struct berth_err *err)
{
    if (!*cert)
        return 0;
    int r = gnutls_certificate_set_x509_key_file(tls->credentials, cert, key, GNUTLS_X509_FMT_PEM);
    return r < 0 ? berth_err_set(err, -EINVAL, "syslog-tls-cert %s, syslog-tls-key %s: %s", cert,
                                 key, gnutls_strerror(r))
                 : 0;
}

int tls_init(struct tls *tls, const struct berth_options *o, struct berth_err *err)
{
    tls->verify = !berth_opt_bool(o, "syslog-tls-skip-verify", false);
    if (gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
        return berth_err_set(err, -ENOMEM, "out of memory");
    int r = load_ca(tls, berth_opt_str(o, "syslog-tls-ca-cert", ""), err);
    return r < 0 ? r
                 : load_key(tls, berth_opt_str(o, "syslog-tls-cert", ""),
                            berth_opt_str(o, "syslog-tls-key", ""), err);
}

void tls_disconnect(struct tls *tls)
{
    if (!tls->session)
        return;
    gnutls_bye(tls->session, GNUTLS_SHUT_WR); /* not waited for */
    gnutls_deinit(tls->session);
    tls->session = NULL;
}

void tls_fini(struct tls *tls)
{
    tls_disconnect(tls);
    if (tls->credentials)
        gnutls_certificate_free_credentials(tls->credentials);
    *tls = (struct tls){0};
}

static int session_new(struct tls *tls, int fd, const char *host)
{
    int r = gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (r < 0)
        return r;
    if ((r = gnutls_set_default_priority(tls->session)) < 0 ||
        (r = gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials)) < 0)
        return r;
    gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, host, strlen(host));
    if (tls->verify)
        gnutls_session_set_verify_cert(tls->session, host, 0);
    gnutls_transport_set_int(tls->session, fd);
    return 0;
}

static int handshake(struct tls *tls, int fd, int64_t deadline_ms)
{
    for (;;) {
        int r = gnutls_handshake(tls->session);
        if (r == 0 || (r < 0 && gnutls_error_is_fatal(r)))
            return r;
        short events = gnutls_record_get_direction(tls->session) ? POLLOUT : POLLIN;
        if (wait_ready(fd, events, deadline_ms) < 0)
            return GNUTLS_E_TIMEDOUT;
    }
}

static const char *why(struct tls *tls, int r, gnutls_datum_t *text)
{
    unsigned status = r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR
                          ? gnutls_session_get_verify_cert_status(tls->session)
                          : 0;
    if (status &&
        gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, text, 0) == 0)
        return (const char *)text->data;
    return gnutls_strerror(r);
}

int tls_connect(struct tls *tls, int fd, const char *host, int64_t deadline_ms,
                struct berth_err *err)
{
    int r = tls->session ? 0 : session_new(tls, fd, host);
    if (r == 0)
        r = handshake(tls, fd, deadline_ms);
    if (r == 0)
        return 0;
    if (r == GNUTLS_E_TIMEDOUT)
        return berth_err_set(err, -ETIMEDOUT, "TLS with %s takes too long", host);
    gnutls_datum_t text = {0};
    berth_err_set(err, -EPROTO, "TLS with %s: %s", host, why(tls, r, &text));
    gnutls_free(text.data);
    if (tls->session)
        gnutls_deinit(tls->session);
    tls->session = NULL;
    return -EPROTO;
}

ssize_t tls_send(struct tls *tls, const void *data, size_t n, short *events)
{
    ssize_t r = gnutls_record_send(tls->session, data, n);
    *events = gnutls_record_get_direction(tls->session) ? POLLOUT : POLLIN;
    if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
        return -EAGAIN;
    return r < 0 ? -EPIPE : r;
}
