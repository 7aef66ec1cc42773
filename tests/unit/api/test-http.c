/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server over raw sockets, with the tests' engine behind it
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/activation.h"
#include "api/server.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/str.h"
#include "fake-engine.h"

struct rig {
    char *dir, *path, *address;
    struct engine *engine;
    struct server *server;
};

static int rig_setup(void **state)
{
    struct rig *g = xcalloc(1, sizeof(*g));
    char dir[] = "/tmp/berth-api-XXXXXX";
    g->dir = xstrdup(mkdtemp(dir));
    g->path = str_printf("%s/sub/s.sock", g->dir);
    g->address = str_printf("unix://%s", g->path);
    g->engine = fake_engine_new();
    g->server = server_new(g->engine, NULL);
    *state = g;
    return server_listen(g->server, g->address, "", &(struct passed){0}, NULL);
}

static int rig_teardown(void **state)
{
    struct rig *g = *state;
    server_freep(&g->server);
    fake_engine_free(g->engine);
    assert_false(fs_exists(AT_FDCWD, g->path));
    fs_rm_rf(AT_FDCWD, g->dir);
    free(g->dir);
    free(g->path);
    free(g->address);
    free(g);
    return 0;
}

static int dial(struct rig *g)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", g->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    return fd;
}

/* Reads until `needle` is there (or the end, with NULL). */
static void read_until(int fd, struct buf *got, const char *needle)
{
    char data[4096];
    while (!needle || !got->s || !memmem(got->s, got->len, needle, strlen(needle))) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 5000), 1);
        ssize_t n = recv(fd, data, sizeof(data), 0);
        if (n <= 0) {
            assert_null(needle);
            return;
        }
        buf_add(got, data, (size_t)n);
    }
}

static int ask(struct rig *g, const char *request)
{
    int fd = dial(g);
    assert_int_equal(fs_write_all(fd, request, strlen(request)), 0);
    return fd;
}

/* One request on a connection of its own; the whole answer. */
static char *talk(struct rig *g, const char *method, const char *path, const char *type,
                  const char *body)
{
    struct buf got = {0};
    _cleanup_(freep) char *content = type ? str_printf("Content-Type: %s\r\n", type) : xstrdup("");
    _cleanup_(freep) char *request = str_printf(
        "%s %s HTTP/1.1\r\nHost: d\r\nConnection: close\r\n%sContent-Length: %zu\r\n\r\n%s", method,
        path, content, strlen(body), body);
    _cleanup_(closep) int fd = ask(g, request);
    read_until(fd, &got, NULL);
    return buf_steal(&got);
}

static void expect(struct rig *g, const char *method, const char *path, const char *body,
                   const char *status, const char *words)
{
    _cleanup_(freep) char *got = talk(g, method, path, *body ? "application/json" : NULL, body);
    if (!str_after(got, status) || !strstr(got, words))
        fail_msg("%s %s: expected %s … %s, got %s", method, path, status, words, got);
}

#define OK      "HTTP/1.1 200 OK\r\n"
#define CREATED "HTTP/1.1 201 Created\r\n"
#define BAD     "HTTP/1.1 400 Bad Request\r\n"
#define MISSING "HTTP/1.1 404 Not Found\r\n"

static void ping_has_dockers_headers(void **state)
{
    expect(*state, "GET", "/_ping", "", OK, "Api-Version: 1.51\r\n");
    expect(*state, "GET", "/v1.41/_ping", "", OK, "\r\n\r\nOK");
    expect(*state, "HEAD", "/_ping", "", OK, "Docker-Experimental: false\r\n");
    expect(*state, "GET", "/version", "", OK, "\"MinAPIVersion\":\"1.24\"");
}

static void errors_are_messages(void **state)
{
    expect(
        *state, "GET", "/v1.99/info", "", BAD,
        "{\"message\":\"client version 1.99 is too new. Maximum supported API version is 1.51\"}");
    expect(*state, "GET", "/nope", "", MISSING, "{\"message\":\"page not found\"}\n");
    expect(*state, "GET", "/containers/x/json", "", MISSING, "No such container: x");
    expect(*state, "POST", "/build", "", "HTTP/1.1 501 ",
           "berth does not support building images yet");
    expect(*state, "GET", "/services", "", "HTTP/1.1 503 ", "This node is not a swarm manager.");
    expect(*state, "POST", "/images/create?fromImage=a&tag=b", "", MISSING, "denied for a:b");
}

static void bad_bodies_are_refused(void **state)
{
    expect(*state, "POST", "/containers/create", "{", BAD, "invalid JSON");
    expect(*state, "POST", "/containers/create", "{} {}", BAD, "invalid JSON");
    expect(*state, "POST", "/containers/create", "[]", BAD, "expected an object, got an array");
    expect(*state, "POST", "/containers/create", "", BAD, "config cannot be empty");
    expect(*state, "POST", "/containers/create", "null", BAD, "config cannot be empty");
    expect(*state, "POST", "/containers/create", "{\"Tty\":1}", BAD, "invalid value for Tty");
    expect(*state, "POST", "/containers/create",
           "{\"HostConfig\":{\"Memory\":99999999999999999999}}", BAD, "invalid JSON");
    expect(*state, "POST", "/exec/a/start", "{\"Detach\":\"x\"}", BAD, "invalid value for Detach");
    _cleanup_(freep) char *got = talk(*state, "POST", "/containers/create", "text/plain", "{}");
    assert_non_null(
        strstr(got, "unsupported Content-Type header (text/plain): must be 'application/json'"));
}

static void bad_parameters_are_refused(void **state)
{
    expect(*state, "GET", "/containers/json?limit=x", "", BAD, "invalid value \\\"x\\\" for limit");
    expect(*state, "GET", "/containers/json?filters=%7B", "", BAD, "invalid filter");
    expect(*state, "GET", "/events?since=yesterday", "", BAD, "for since");
    expect(*state, "GET", "/events?since=20&until=10", "", BAD, "cannot be after");
    expect(*state, "GET", "/containers/x/logs", "", BAD, "you must choose at least one stream");
    expect(*state, "POST", "/containers/x/wait?condition=x", "", BAD, "invalid condition");
    expect(*state, "POST", "/containers/x/attach?detachKeys=xx", "", BAD, "invalid detach keys");
    expect(*state, "GET", "/containers/a%00b/json", "", MISSING, "No such container: a%00b");
}

static void names_of_images_hold_slashes(void **state)
{
    expect(*state, "GET", "/v1.43/images/reg/team/img:1/json", "", OK,
           "\"Ref\":\"reg/team/img:1\"");
    expect(*state, "GET", "/images/reg%2Fteam%2Fimg:1/json", "", OK, "\"Ref\":\"reg/team/img:1\"");
}

static void older_versions_get_their_members(void **state)
{
    expect(*state, "GET", "/v1.43/images/img/json", "", OK, "\"VirtualSize\":9");
    _cleanup_(freep) char *new = talk(*state, "GET", "/images/img/json", NULL, "");
    assert_null(strstr(new, "VirtualSize"));
    assert_non_null(strstr(new, "Descriptor"));
    _cleanup_(freep) char *old = talk(*state, "GET", "/v1.41/images/img/json", NULL, "");
    assert_null(strstr(old, "Descriptor"));
}

static void bodies_are_folded_on_the_way(void **state)
{
    expect(*state, "POST", "/containers/create?name=one", "{\"image\":\"i\",\"TTY\":true}", CREATED,
           "\"Id\":\"");
    expect(*state, "GET", "/containers/one/json", "", OK, "\"Tty\":true");
    expect(*state, "POST", "/containers/create?name=one", "{}", "HTTP/1.1 409 ", "already in use");
    expect(*state, "POST", "/containers/one/stop", "", "HTTP/1.1 304 ", "\r\n\r\n");
    expect(*state, "POST", "/containers/one/start", "{\"HostConfig\":{}}", BAD,
           "non-empty request");
}

static void malformed_requests_do_no_harm(void **state)
{
    const char *const bad[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01",
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: -5\r\n\r\n",
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: "
        "99999999999999999999999\r\n\r\n",
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: 50\r\n\r\n{\"Image\"",
        "GET /%zz%2 HTTP/1.1\r\nHost: d\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(closep) int fd = ask(*state, bad[i]);
        shutdown(fd, SHUT_WR);
        _cleanup_(buf_fini) struct buf got = {0};
        read_until(fd, &got, NULL);
        assert_true(!got.s || !strstr(got.s, " 200 "));
    }
    expect(*state, "GET", "/_ping", "", OK, "OK");
}

static void huge_headers_are_refused(void **state)
{
    _cleanup_(buf_fini) struct buf request = {0};
    _cleanup_(buf_fini) struct buf got = {0};
    buf_adds(&request, "GET /_ping HTTP/1.1\r\nHost: d\r\nX: ");
    for (size_t i = 0; i < 100000; i++)
        buf_adds(&request, "0123456789");
    buf_adds(&request, "\r\n\r\n");
    _cleanup_(closep) int fd = dial(*state);
    fs_write_all(fd, request.s, request.len);
    shutdown(fd, SHUT_WR);
    char data[256];
    ssize_t n = recv(fd, data, sizeof(data) - 1, 0);
    if (n > 0) {
        data[n] = '\0';
        assert_non_null(str_after(data, "HTTP/1.1 4"));
    }
    expect(*state, "GET", "/_ping", "", OK, "OK");
}

static void a_body_over_the_limit_is_refused(void **state)
{
    _cleanup_(buf_fini) struct buf body = {0};
    buf_adds(&body, "{\"Image\":\"");
    while (body.len < 9u << 20)
        buf_adds(&body, "0123456789012345678901234567890123456789");
    buf_adds(&body, "\"}");
    expect(*state, "POST", "/containers/create", body.s, BAD, "is larger than 8388608 bytes");
}

#define ATTACH(name, extra)                                                                        \
    "POST /containers/" name "/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\n"  \
    "Content-Length: 0\r\n" extra "\r\n"

static void attach_upgrades_and_passes_a_half_close(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    expect(*state, "POST", "/containers/create?name=c", "{}", CREATED, "");
    _cleanup_(closep) int fd =
        ask(*state, ATTACH("c", "Connection: Upgrade\r\nUpgrade: tcp\r\n") "early");
    read_until(fd, &got, "\r\n\r\n");
    assert_non_null(str_after(got.s, "HTTP/1.1 101 "));
    assert_non_null(strstr(got.s, "Content-Type: application/vnd.docker.multiplexed-stream\r\n"));
    assert_non_null(strstr(got.s, "Upgrade: tcp\r\n"));
    expect(*state, "POST", "/containers/c/start", "", "HTTP/1.1 204 ", "");
    shutdown(fd, SHUT_WR);
    read_until(fd, &got, NULL);
    const char *body = strstr(got.s, "\r\n\r\n") + 4;
    assert_int_equal(got.s + got.len - body, 8 + 5 + 8 + 4);
    assert_memory_equal(body, "\1\0\0\0\0\0\0\5early\2\0\0\0\0\0\0\4bye\n", 25);
}

static void attach_without_an_upgrade_is_a_raw_200(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    expect(*state, "POST", "/containers/create?name=c", "{\"Tty\":true}", CREATED, "");
    _cleanup_(closep) int fd = ask(*state, ATTACH("c", ""));
    read_until(fd, &got, "\r\n\r\n");
    assert_string_equal(
        got.s, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
    expect(*state, "POST", "/containers/c/start", "", "HTTP/1.1 204 ", "");
    assert_int_equal(send(fd, "hi\n", 3, 0), 3);
    shutdown(fd, SHUT_WR);
    read_until(fd, &got, NULL);
    assert_string_equal(strstr(got.s, "\r\n\r\n") + 4, "hi\nbye\n");
}

static void wait_sends_its_headers_before_the_exit(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    expect(*state, "POST", "/containers/create?name=c", "{}", CREATED, "");
    _cleanup_(closep) int fd =
        ask(*state, "POST /containers/c/wait?condition=next-exit HTTP/1.1\r\nHost: d\r\n\r\n");
    read_until(fd, &got, "\r\n\r\n");
    assert_null(strstr(got.s, "StatusCode"));
    expect(*state, "POST", "/containers/c/start", "", "HTTP/1.1 204 ", "");
    read_until(fd, &got, "{\"StatusCode\":7}\n");
}

static void followed_logs_stop_when_the_client_leaves(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    int before = __atomic_load_n(&fake_logs_stopped, __ATOMIC_ACQUIRE);
    expect(*state, "POST", "/containers/create?name=c", "{\"Tty\":true}", CREATED, "");
    int fd = ask(*state, "GET /containers/c/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n");
    read_until(fd, &got, "two\n");
    close(fd);
    for (int i = 0; i < 500 && __atomic_load_n(&fake_logs_stopped, __ATOMIC_ACQUIRE) == before; i++)
        usleep(10000);
    assert_int_equal(__atomic_load_n(&fake_logs_stopped, __ATOMIC_ACQUIRE), before + 1);
}

static void logs_are_held_back_by_a_client_that_does_not_read(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    expect(*state, "POST", "/containers/create?name=flood", "{}", CREATED, "");
    int fd = ask(*state, "GET /containers/flood/logs?stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n");
    read_until(fd, &got, "0123456789");
    close(fd);
}

static void events_are_a_stream_of_objects(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    _cleanup_(closep) int fd = ask(*state, "GET /events HTTP/1.1\r\nHost: d\r\n\r\n");
    read_until(fd, &got, "\"timeNano\":1700000000123456789}\n");
    assert_non_null(strstr(got.s, "Transfer-Encoding: chunked\r\n"));
    expect(*state, "GET", "/events?until=1700000000", "", OK, "\r\n0\r\n\r\n");
}

static void imports_are_streamed(void **state)
{
    expect(*state, "POST", "/images/create?fromSrc=-&repo=a&tag=b&changes=CMD+x&changes=ENV+a%3Db",
           "0123456789", OK, "{\"status\":\"sha256:10-a:b-2\"}");
    expect(*state, "POST", "/images/create?fromSrc=-&message=fail+early", "0123456789", BAD,
           "this is no archive");
    expect(*state, "POST", "/images/create?fromSrc=http://x/y", "", "HTTP/1.1 501 ",
           "importing from an address");
}

static void loads_tell_their_failure_in_the_stream(void **state)
{
    expect(*state, "POST", "/images/load", "0123456789", OK,
           "{\"stream\":\"Loaded image: x:1\\n\",\"bytes\":10}\r\n");
    expect(*state, "POST", "/images/load?quiet=0", "0123456789", OK, "Loading layer");
    expect(*state, "POST", "/images/load", "!", OK, "\"error\":\"this is no archive\"}");
    expect(*state, "POST", "/images/load", "?", OK, "{\"message\":\"the disk is full\"}");
}

static void saves_are_streamed_or_cut(void **state)
{
    expect(*state, "GET", "/images/get?names=a&names=b", "", OK, "Content-Length: 3\r\n");
    expect(*state, "GET", "/images/get?names=a&names=b", "", OK, "\r\n\r\na+b");
    expect(*state, "GET", "/images/reg.io/x:1/get", "", OK, "reg.io/x:1");
    expect(*state, "GET", "/images/missing/get", "", "HTTP/1.1 404 ", "No such image");
    expect(*state, "GET", "/images/get", "", BAD, "names");
    _cleanup_(buf_fini) struct buf got = {0};
    _cleanup_(closep) int fd = ask(*state, "GET /images/breaks/get HTTP/1.1\r\nHost: d\r\n\r\n");
    read_until(fd, &got, NULL); /* the end comes before what was promised */
    assert_non_null(strstr(got.s, "\r\n\r\nbreak"));
    assert_null(strstr(got.s, "breaks"));
}

static void df_knows_its_kinds(void **state)
{
    expect(*state, "GET", "/system/df", "", OK, "\"Kinds\":15");
    expect(*state, "GET", "/system/df?type=image&type=volume", "", OK, "\"Kinds\":6");
    expect(*state, "GET", "/v1.41/system/df?type=image", "", OK, "\"VirtualSize\":7");
    expect(*state, "GET", "/system/df?type=moon", "", BAD, "unknown object type: moon");
}

static void old_clients_prune_all_volumes(void **state)
{
    expect(*state, "POST", "/volumes/prune", "", OK, "{\"Filters\":{}}");
    expect(*state, "POST", "/v1.41/volumes/prune", "", OK, "{\"Filters\":{\"all\":[\"true\"]}}");
}

static void a_cut_import_is_an_error_for_the_engine(void **state)
{
    int before = __atomic_load_n(&fake_imports_cut, __ATOMIC_ACQUIRE);
    _cleanup_(buf_fini) struct buf got = {0};
    int fd = ask(*state, "POST /images/create?fromSrc=- HTTP/1.1\r\nHost: d\r\n"
                         "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n");
    read_until(fd, &got, "100 Continue");
    assert_int_equal(send(fd, "0123456789", 10, 0), 10);
    close(fd);
    for (int i = 0; i < 500 && __atomic_load_n(&fake_imports_cut, __ATOMIC_ACQUIRE) == before; i++)
        usleep(10000);
    assert_int_equal(__atomic_load_n(&fake_imports_cut, __ATOMIC_ACQUIRE), before + 1);
}

static void a_program_that_cannot_be_started_is_told_in_the_stream(void **state)
{
    _cleanup_(freep) char *got = NULL;
    expect(*state, "POST", "/containers/create?name=c", "{}", CREATED, "");
    got = talk(*state, "POST", "/containers/c/exec", "application/json", "{\"Cmd\":[\"nope\"]}");
    const char *id = strstr(got, "\"Id\":\"") + 6;
    _cleanup_(freep) char *path = str_printf("/exec/%.64s/start", id);
    expect(*state, "POST", path, "{\"Tty\":true}", OK, "executable file not found in $PATH\r\n");
    expect(*state, "POST", path, "{\"Detach\":true}", BAD, "executable file not found in $PATH");
}

/* The server ends while each kind of stream is open; nothing may hang or leak. */
static void the_server_ends_with_streams_open(void **state)
{
    struct rig *g = *state;
    static const char *const requests[] = {
        "GET /events HTTP/1.1\r\nHost: d\r\n\r\n",
        "POST /containers/c/wait HTTP/1.1\r\nHost: d\r\n\r\n",
        "GET /containers/c/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n",
        ATTACH("c", "Connection: Upgrade\r\nUpgrade: tcp\r\n"),
        ATTACH("d", ""),
        "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
    };
    int fds[ARRAY_SIZE(requests)];
    expect(g, "POST", "/containers/create?name=c", "{}", CREATED, "");
    expect(g, "POST", "/containers/create?name=d", "{}", CREATED, "");
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        _cleanup_(buf_fini) struct buf got = {0};
        fds[i] = ask(g, requests[i]);
        read_until(fds[i], &got, "\r\n\r\n");
    }
    int half = ask(g, "POST /images/create?fromSrc=- HTTP/1.1\r\nHost: d\r\n"
                      "Content-Length: 100\r\n\r\n0123456789");
    server_freep(&g->server);
    g->server = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
        _cleanup_(buf_fini) struct buf got = {0};
        read_until(fds[i], &got, NULL);
        close(fds[i]);
    }
    close(half);
}

/* --- connections */
static void requests_in_a_row_are_answered_in_order(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    _cleanup_(closep) int fd =
        ask(*state, "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
                    "POST /containers/create?name=row HTTP/1.1\r\nHost: d\r\n"
                    "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"
                    "GET /nope HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
    read_until(fd, &got, NULL);
    const char *ping = strstr(got.s, "\r\n\r\nOK"), *created = strstr(got.s, "201 Created\r\n"),
               *missing = strstr(got.s, "404 Not Found\r\n");
    assert_true(ping && created > ping && missing > created);
    assert_non_null(strstr(missing, "Connection: close\r\n"));
}

static void a_request_may_come_byte_by_byte(void **state)
{
    static const char request[] = "GET /containers/json?all=1&limit=%32 HTTP/1.1\r\nHost: d\r\n"
                                  "X-Empty:\r\nConnection: close\r\n\r\n";
    _cleanup_(buf_fini) struct buf got = {0};
    _cleanup_(closep) int fd = dial(*state);
    for (const char *at = request; *at; at++)
        assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
    read_until(fd, &got, NULL);
    assert_non_null(str_after(got.s, OK));
}

static char *ping_with_a_query_of(struct rig *g, size_t n)
{
    struct buf got = {0};
    _cleanup_(buf_fini) struct buf request = {0};
    buf_adds(&request, "GET /_ping?filters=");
    for (size_t i = 0; i < n; i++)
        buf_addc(&request, 'x');
    buf_adds(&request, " HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n");
    _cleanup_(closep) int fd = dial(g);
    fs_write_all(fd, request.s, request.len);
    read_until(fd, &got, NULL);
    return buf_steal(&got);
}

static void long_addresses_are_taken(void **state)
{
    _cleanup_(freep) char *fits = ping_with_a_query_of(*state, 200u << 10);
    assert_non_null(str_after(fits, OK));
    _cleanup_(freep) char *over = ping_with_a_query_of(*state, 300u << 10);
    assert_non_null(str_after(over, "HTTP/1.1 431 "));
}

static void http_10_gets_no_chunks(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    _cleanup_(closep) int fd = ask(*state, "GET /events?until=1700000000 HTTP/1.0\r\n\r\n");
    read_until(fd, &got, NULL);
    assert_non_null(str_after(got.s, OK));
    assert_non_null(strstr(got.s, "Connection: close\r\n"));
    assert_null(strstr(got.s, "chunked"));
    assert_null(strstr(got.s, "\r\n0\r\n"));
}

static void http_11_needs_a_host(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    _cleanup_(closep) int fd = ask(*state, "GET /_ping HTTP/1.1\r\n\r\n");
    read_until(fd, &got, NULL);
    assert_non_null(str_after(got.s, BAD));
    assert_non_null(strstr(got.s, "Connection: close\r\n"));
}

static void what_follows_an_attach_is_not_lost(void **state)
{
    _cleanup_(buf_fini) struct buf got = {0};
    expect(*state, "POST", "/containers/create?name=c", "{\"Tty\":true}", CREATED, "");
    _cleanup_(closep) int fd = ask(*state, ATTACH("c", "") "early\n");
    read_until(fd, &got, "\r\n\r\n");
    expect(*state, "POST", "/containers/c/start", "", "HTTP/1.1 204 ", "");
    shutdown(fd, SHUT_WR);
    read_until(fd, &got, NULL);
    assert_string_equal(strstr(got.s, "\r\n\r\n") + 4, "early\nbye\n");
}

/* More than stay idle; each stays open and has to be served, and none may hold up the end. */
static void many_connections_are_served_at_once(void **state)
{
    int fds[64];
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
            fds[i] = ask(*state, "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n");
        for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
            _cleanup_(buf_fini) struct buf got = {0};
            read_until(fds[i], &got, "\r\n\r\nOK");
        }
        for (size_t i = 0; round == 0 && i < ARRAY_SIZE(fds); i++)
            close(fds[i]);
    }
    struct rig *g = *state;
    server_freep(&g->server);
    g->server = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        _cleanup_(buf_fini) struct buf got = {0};
        read_until(fds[i], &got, NULL);
        close(fds[i]);
    }
}

static void a_socket_that_answers_is_not_taken(void **state)
{
    struct rig *g = *state;
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(server_freep) struct server *second = server_new(g->engine, NULL);
    struct stat st;
    assert_int_equal(server_listen(second, g->address, "", &(struct passed){0}, &err), -EADDRINUSE);
    assert_non_null(strstr(err_msg(&err), "another daemon answers there"));
    assert_int_equal(stat(g->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    expect(g, "GET", "/_ping", "", OK, "OK");
}

static void a_stale_socket_is_replaced(void **state)
{
    struct rig *g = *state;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    _cleanup_(freep) char *path = str_printf("%s/stale", g->dir);
    _cleanup_(freep) char *address = str_printf("unix://%s", path);
    _cleanup_(server_freep) struct server *s = server_new(g->engine, NULL);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    close(fd);
    assert_int_equal(server_listen(s, address, "no-such-group-here", &(struct passed){0}, NULL), 0);
}

static void addresses_that_cannot_be_served_are_refused(void **state)
{
    struct rig *g = *state;
    static const char *const bad[] = {
        "tcp://0.0.0.0:0", "tcp://127.0.0.1", "tcp://[::1", "unix://relative",  "unix:///tmp/",
        "http://x",        "fd://",           "",           "tcp://127.0.0.1:x"};
    _cleanup_(server_freep) struct server *s = server_new(g->engine, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        _cleanup_(err_fini) struct err err = {0};
        assert_int_equal(server_listen(s, bad[i], "", &(struct passed){0}, &err), -EINVAL);
        assert_non_null(err.msg);
    }
    assert_int_equal(server_listen(s, "tcp://127.0.0.1:0", "", &(struct passed){0}, NULL), 0);
}

static void files_of_containers_have_their_answers(void **state)
{
    struct rig *g = *state;
    /* {"name":"/x"} */
    static const char stat[] = "X-Docker-Container-Path-Stat: eyJuYW1lIjoiL3gifQ==\r\n";
    expect(g, "GET", "/containers/c/changes", "", "HTTP/1.1 200", "null");
    expect(g, "GET", "/containers/c/export", "", "HTTP/1.1 200", "7\r\narchive\r\n0\r\n\r\n");
    expect(g, "GET", "/containers/missing/export", "", "HTTP/1.1 404", "No such container");
    expect(g, "GET", "/containers/c/archive?path=/x", "", "HTTP/1.1 200", stat);
    expect(g, "GET", "/containers/c/archive?path=/x", "", "HTTP/1.1 200", "\r\narchive\r\n0\r\n");
    expect(g, "HEAD", "/containers/c/archive?path=/x", "", "HTTP/1.1 200", stat);
    expect(g, "HEAD", "/containers/missing/archive?path=/x", "", "HTTP/1.1 404", "");
    expect(g, "GET", "/containers/c/archive", "", "HTTP/1.1 400", "path cannot be empty");
    expect(g, "PUT", "/containers/c/archive", "", "HTTP/1.1 400", "path cannot be empty");
    expect(g, "PUT", "/containers/c/archive?path=/x", "tar", "HTTP/1.1 200", "");
    expect(g, "PUT", "/containers/c/archive?path=/ro", "tar", "HTTP/1.1 403", "read-only");
    expect(g, "PUT", "/containers/c/archive?path=/x&copyUIDGID=1&noOverwriteDirNonDir=true", "tar",
           "HTTP/1.1 400", "3 bytes, 1");
    expect(g, "POST", "/commit?container=c&repo=r&tag=t&comment=w&changes=a&changes=b", "",
           "HTTP/1.1 201", "\"r:t w 1 2\"");
    expect(g, "POST", "/commit?container=c&pause=0", "{\"cmd\":[\"x\"]}", "HTTP/1.1 201",
           "\"- - 0 0\"");
    expect(g, "POST", "/commit?container=c", "{\"Cmd\":7}", "HTTP/1.1 400", "Cmd");
    expect(g, "POST", "/commit", "", "HTTP/1.1 404", "No such container");
}

static void an_archive_that_fails_is_cut_off(void **state)
{
    _cleanup_(freep) char *got = talk(*state, "GET", "/containers/c/archive?path=cut", NULL, "");
    assert_non_null(strstr(got, "archive"));
    assert_null(strstr(got, "0\r\n\r\n"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ping_has_dockers_headers),
        TEST(errors_are_messages),
        TEST(bad_bodies_are_refused),
        TEST(bad_parameters_are_refused),
        TEST(names_of_images_hold_slashes),
        TEST(older_versions_get_their_members),
        TEST(bodies_are_folded_on_the_way),
        TEST(malformed_requests_do_no_harm),
        TEST(huge_headers_are_refused),
        TEST(a_body_over_the_limit_is_refused),
        TEST(attach_upgrades_and_passes_a_half_close),
        TEST(attach_without_an_upgrade_is_a_raw_200),
        TEST(wait_sends_its_headers_before_the_exit),
        TEST(followed_logs_stop_when_the_client_leaves),
        TEST(logs_are_held_back_by_a_client_that_does_not_read),
        TEST(events_are_a_stream_of_objects),
        TEST(imports_are_streamed),
        TEST(a_cut_import_is_an_error_for_the_engine),
        TEST(loads_tell_their_failure_in_the_stream),
        TEST(saves_are_streamed_or_cut),
        TEST(df_knows_its_kinds),
        TEST(old_clients_prune_all_volumes),
        TEST(files_of_containers_have_their_answers),
        TEST(an_archive_that_fails_is_cut_off),
        TEST(a_program_that_cannot_be_started_is_told_in_the_stream),
        TEST(the_server_ends_with_streams_open),
        TEST(requests_in_a_row_are_answered_in_order),
        TEST(a_request_may_come_byte_by_byte),
        TEST(long_addresses_are_taken),
        TEST(http_10_gets_no_chunks),
        TEST(http_11_needs_a_host),
        TEST(what_follows_an_attach_is_not_lost),
        TEST(many_connections_are_served_at_once),
        TEST(a_socket_that_answers_is_not_taken),
        TEST(a_stale_socket_is_replaced),
        TEST(addresses_that_cannot_be_served_are_refused),
    };
    signal(SIGPIPE, SIG_IGN);
    log_setup("test-http", LOG_ERROR, false);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
