/* SPDX-License-Identifier: Apache-2.0 */
/* The syslog driver against receivers in this process: unix, udp, tcp and tls. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakehost.h"

#define T0 1700000000123456789 /* 2023-11-14T22:13:20.123456789Z */
/* For what must come: a busy machine only takes longer to pass. */
#define PATIENCE_MS 60000

struct fixture {
    const struct berth_plugin *plugin;
    const struct berth_log_ops *ops;
    struct fake_options options;
    struct fake_host host;
    struct fake_err err;
    struct berth_log_info info;
    void *log;
};

static const char *const some_labels[] = {"a=x\"y]", NULL};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->plugin = fake_load(SYSLOG_SO);
    f->ops = f->plugin->ops;
    fake_err_init(&f->err);
    fake_host_init(&f->host, NULL);
    f->info = (struct berth_log_info){.size = sizeof(f->info),
                                      .host = &f->host.base,
                                      .options = &f->options.base,
                                      .container_id = "0123456789abcdef0123",
                                      .container_name = "web",
                                      .hostname = "box",
                                      .labels = some_labels,
                                      .log_dir = f->host.data_dir};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->log)
        f->ops->close(f->log);
    fake_host_fini(&f->host);
    free(f);
    return 0;
}

static void use(struct fixture *f, const char *const *given)
{
    fake_options_init(&f->options, f->plugin->options, given);
}

/* The driver's own limit is not what these tests are about. */
#define PATIENT "syslog-timeout=1m"

static int put2(struct fixture *f, const char *one, const char *two)
{
    const struct berth_log_record a = {
        .size = sizeof(a), .line = one, .len = strlen(one), .time_ns = T0, .stream = BERTH_STDOUT};
    struct berth_log_record b = a;
    b.line = two;
    b.len = two ? strlen(two) : 0;
    b.stream = BERTH_STDERR;
    const struct berth_log_record *list[] = {&a, &b};
    return f->ops->write(f->log, list, two ? 2 : 1, &f->err.base);
}

static void open_log(struct fixture *f, const char *const *given)
{
    use(f, given);
    assert_int_equal(f->ops->check(&f->options.base, &f->err.base), 0);
    if (f->ops->open(&f->info, &f->log, &f->err.base) < 0)
        fail_msg("%s", f->err.words);
}

/* Reads one datagram, or what a stream has. */
static void receive(int fd, char *text, size_t size)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
    ssize_t n = recv(fd, text, size - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
}

static int inet_socket(int type, char *address, const char *scheme)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
    snprintf(address, 128, "syslog-address=%s://127.0.0.1:%d", scheme, ntohs(sin.sin_port));
    return fd;
}

static int unix_socket(struct fixture *f, int type, char *address, const char *scheme)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/s", f->host.data_dir);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    snprintf(address, 256, "syslog-address=%s://%s/s", scheme, f->host.data_dir);
    return fd;
}

static void stamp(char *out, size_t size)
{
    time_t t = T0 / 1000000000;
    struct tm tm;
    localtime_r(&t, &tm);
    strftime(out, size, "%b %e %H:%M:%S", &tm);
}

static void unix_datagrams_have_the_local_form(void **state)
{
    struct fixture *f = *state;
    char address[256], text[512], when[64], expected[512];
    int fd = unix_socket(f, SOCK_DGRAM, address, "unixgram");
    open_log(f, (const char *const[]){address, PATIENT, NULL});
    assert_int_equal(put2(f, "out", "err"), 0);
    stamp(when, sizeof(when));
    receive(fd, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<30>%s 0123456789ab[%d]: out", when, (int)getpid());
    assert_string_equal(text, expected);
    receive(fd, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<27>%s 0123456789ab[%d]: err", when, (int)getpid());
    assert_string_equal(text, expected);
    close(fd);
}

static void unix_address_finds_a_datagram_socket_too(void **state)
{
    struct fixture *f = *state;
    char address[256], text[512];
    int fd = unix_socket(f, SOCK_DGRAM, address, "unix");
    open_log(f, (const char *const[]){address, "syslog-facility=local3", PATIENT, NULL});
    assert_int_equal(put2(f, "one", "two"), 0);
    receive(fd, text, sizeof(text));
    assert_memory_equal(text, "<158>", 5);
    assert_non_null(strstr(text, ": one"));
    assert_null(strstr(text, "two"));
    close(fd);
}

static void udp_carries_rfc3164(void **state)
{
    struct fixture *f = *state;
    char address[128], text[512], when[64], expected[512];
    int fd = inet_socket(SOCK_DGRAM, address, "udp");
    open_log(f, (const char *const[]){address, "syslog-format=rfc3164", "tag=t-{{.Name}}", PATIENT,
                                      NULL});
    assert_int_equal(put2(f, "hello", NULL), 0);
    stamp(when, sizeof(when));
    receive(fd, text, sizeof(text));
    snprintf(expected, sizeof(expected), "<30>%s box t-web[%d]: hello", when, (int)getpid());
    assert_string_equal(text, expected);
    close(fd);
}

static void tcp_carries_rfc5424_lines_and_comes_back(void **state)
{
    struct fixture *f = *state;
    char address[128], text[1024], expected[1024];
    int fd = inet_socket(SOCK_STREAM, address, "tcp");
    listen(fd, 4);
    open_log(
        f, (const char *const[]){address, "syslog-format=rfc5424micro", "labels=a", PATIENT, NULL});
    int peer = accept(fd, NULL, NULL);
    assert_int_equal(put2(f, "out", "err"), 0);
    receive(peer, text, sizeof(text));
    snprintf(expected, sizeof(expected),
             "<30>1 2023-11-14T22:13:20.123456Z box 0123456789ab %d 0123456789ab "
             "[attrs@32473 a=\"x\\\"y\\]\"] out\n"
             "<27>1 2023-11-14T22:13:20.123456Z box 0123456789ab %d 0123456789ab "
             "[attrs@32473 a=\"x\\\"y\\]\"] err\n",
             (int)getpid(), (int)getpid());
    assert_string_equal(text, expected);
    close(peer);
    assert_int_equal(put2(f, "again", NULL), 0);
    peer = accept(fd, NULL, NULL);
    receive(peer, text, sizeof(text));
    assert_non_null(strstr(text, " again\n"));
    close(peer);
    close(fd);
}

static int64_t clock_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void server_that_is_away_is_tried_at_growing_intervals(void **state)
{
    struct fixture *f = *state;
    char address[128];
    int fd = inet_socket(SOCK_STREAM, address, "tcp"); /* bound, nobody listens */
    open_log(f, (const char *const[]){address, PATIENT, NULL});
    assert_int_equal(f->host.warnings, 1);
    int attempts = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(put2(f, "x", NULL) < 0);
        attempts += strstr(f->err.words, "tried again in") == NULL;
    }
    assert_true(attempts < 20); /* the twentieth comes after six minutes */
    assert_non_null(strstr(f->err.words, "127.0.0.1"));
    close(fd);
}

#define WAIT_MS 3000 /* syslog-timeout of these tests */

/* Calls until one has waited in vain for a server that is as `words` say. */
static void wait_in_vain(struct fixture *f, const char *text, const char *words)
{
    int64_t end = clock_ms() + PATIENCE_MS;
    int r = 0;
    while ((r != -ETIMEDOUT || !strstr(f->err.words, words)) && clock_ms() < end)
        r = put2(f, text, NULL);
    assert_int_equal(r, -ETIMEDOUT);
    assert_non_null(strstr(f->err.words, words));
}

/* For long enough that a broken connection is made again. */
static void assert_nobody_waits(struct fixture *f, const char *text)
{
    for (int64_t end = clock_ms() + 1500; clock_ms() < end;) {
        int64_t start = clock_ms();
        put2(f, text, NULL);
        assert_true(clock_ms() - start < WAIT_MS);
    }
}

static void server_that_does_not_read_is_waited_for_once(void **state)
{
    struct fixture *f = *state;
    char address[128], *big = malloc(16385);
    int fd = inet_socket(SOCK_STREAM, address, "tcp");
    listen(fd, 4);
    memset(big, 'x', 16384);
    big[16384] = '\0';
    open_log(f, (const char *const[]){address, "syslog-timeout=3s", NULL});
    wait_in_vain(f, big, "sending");
    assert_nobody_waits(f, big);
    int peer = accept(fd, NULL, NULL), r = -1;
    int64_t end = clock_ms() + PATIENCE_MS;
    while (r < 0 && clock_ms() < end) { /* it reads again */
        struct pollfd p = {.fd = peer, .events = POLLIN};
        while (poll(&p, 1, 0) == 1 && recv(peer, big, 16384, 0) > 0)
            continue;
        r = put2(f, "x", NULL);
    }
    assert_int_equal(r, 0);
    close(peer);
    free(big);
    close(fd);
}

/* Its queue is full: it answers nothing to who knocks. */
static void server_that_does_not_answer_is_waited_for_once(void **state)
{
    struct fixture *f = *state;
    char address[128];
    int fd = inet_socket(SOCK_STREAM, address, "tcp"), queued[4];
    struct sockaddr_in sin;
    socklen_t len = sizeof(sin);
    listen(fd, 0);
    getsockname(fd, (struct sockaddr *)&sin, &len);
    for (size_t i = 0; i < 4; i++) {
        queued[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(queued[i], (struct sockaddr *)&sin, sizeof(sin));
    }
    open_log(f, (const char *const[]){address, "syslog-timeout=3s", NULL});
    assert_int_equal(f->host.warnings, 0); /* nor does open() wait for it */
    wait_in_vain(f, "x", "connecting");
    assert_nobody_waits(f, "x");
    for (size_t i = 0; i < 4; i++)
        close(queued[i]);
    close(fd);
}

struct tls_server {
    int fd;
    gnutls_certificate_credentials_t credentials;
    char text[4096];
};

static void make_certificate(const char *path, gnutls_certificate_credentials_t credentials)
{
    static const unsigned char loopback[] = {127, 0, 0, 1};
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t pem;
    gnutls_x509_privkey_init(&key);
    gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                 GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_init(&crt);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, "\1", 1);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 3600);
    gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, "127.0.0.1", 9);
    gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback, 4, 0);
    gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
    gnutls_x509_crt_set_key(crt, key);
    assert_int_equal(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
    assert_int_equal(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem), 0);
    FILE *file = fopen(path, "we");
    fwrite(pem.data, 1, pem.size, file);
    fclose(file);
    gnutls_free(pem.data);
    assert_int_equal(gnutls_certificate_set_x509_key(credentials, &crt, 1, key), 0);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

static void *tls_main(void *arg)
{
    struct tls_server *s = arg;
    gnutls_session_t session;
    int peer = accept(s->fd, NULL, NULL);
    gnutls_init(&session, GNUTLS_SERVER);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, s->credentials);
    gnutls_transport_set_int(session, peer);
    gnutls_handshake_set_timeout(session, PATIENCE_MS);
    size_t used = 0;
    if (gnutls_handshake(session) == 0)
        for (ssize_t n;
             (n = gnutls_record_recv(session, s->text + used, sizeof(s->text) - 1 - used)) > 0;)
            used += (size_t)n;
    gnutls_deinit(session);
    close(peer);
    return NULL;
}

static void with_tls(struct fixture *f, bool trust, struct tls_server *s)
{
    char address[128], ca[256], path[200];
    pthread_t thread;
    snprintf(path, sizeof(path), "%s/ca.pem", f->host.data_dir);
    snprintf(ca, sizeof(ca), "syslog-tls-ca-cert=%s", trust ? path : "");
    s->fd = inet_socket(SOCK_STREAM, address, "tcp+tls");
    listen(s->fd, 4);
    gnutls_certificate_allocate_credentials(&s->credentials);
    make_certificate(path, s->credentials);
    pthread_create(&thread, NULL, tls_main, s);
    open_log(f, (const char *const[]){address, ca, "syslog-format=rfc5424", PATIENT, NULL});
    assert_int_equal(put2(f, "out", "err") == 0, trust);
    f->ops->close(f->log);
    f->log = NULL;
    pthread_join(thread, NULL);
    gnutls_certificate_free_credentials(s->credentials);
    close(s->fd);
}

static void tls_counts_octets_of_rfc5424(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {.text = ""};
    char one[512], two[512], expected[1200];
    with_tls(f, true, &s);
    snprintf(one, sizeof(one), "<30>1 2023-11-14T22:13:20Z box 0123456789ab %d 0123456789ab - out",
             (int)getpid());
    snprintf(two, sizeof(two), "<27>1 2023-11-14T22:13:20Z box 0123456789ab %d 0123456789ab - err",
             (int)getpid());
    snprintf(expected, sizeof(expected), "%zu %s%zu %s", strlen(one), one, strlen(two), two);
    assert_string_equal(s.text, expected);
}

static void tls_refuses_a_certificate_that_nobody_signed(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {.text = ""};
    with_tls(f, false, &s);
    assert_string_equal(s.text, "");
    /* open() does not wait for the server: who says it depends on how quick that is */
    assert_true(strstr(f->err.words, "certificate") || strstr(f->host.last_log, "certificate"));
}

static void check_refuses_bad_options_in_words(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "syslog-address=http://x",
        "syslog-address=udp://",
        "syslog-address=tcp://h:0",
        "syslog-address=tcp://h:99999",
        "syslog-address=tcp://[::1:5",
        "syslog-address=unix://relative",
        "syslog-facility=kernel",
        "syslog-facility=24",
        "syslog-facility=1x",
        "tag={{.Nope}}",
        "syslog-tls-cert=/only/the/cert",
        "syslog-address=tcp://h:1x",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        use(f, (const char *const[]){bad[i], NULL});
        f->err.words[0] = '\0';
        assert_int_equal(f->ops->check(&f->options.base, &f->err.base), -EINVAL);
        assert_true(strlen(f->err.words) > 20);
    }
    use(f, (const char *const[]){"syslog-address=tcp+tls://[::1]:6514", "syslog-facility=local7",
                                 NULL});
    assert_int_equal(f->ops->check(&f->options.base, &f->err.base), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(unix_datagrams_have_the_local_form),
        TEST(unix_address_finds_a_datagram_socket_too),
        TEST(udp_carries_rfc3164),
        TEST(tcp_carries_rfc5424_lines_and_comes_back),
        TEST(server_that_is_away_is_tried_at_growing_intervals),
        TEST(server_that_does_not_read_is_waited_for_once),
        TEST(server_that_does_not_answer_is_waited_for_once),
        TEST(tls_counts_octets_of_rfc5424),
        TEST(tls_refuses_a_certificate_that_nobody_signed),
        TEST(check_refuses_bad_options_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
