/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks, all of it: the real driver, the kernel's links and rules, the real berth-netd, and connections from a
 * client outside, from the host, and from containers.
 */
#include "net.h"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "base/frame.h"
#include "network/look.h"
#include "network/netd-client.h"
#include "network/network.h"

#define NET_ID "5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa5e1f00aa"
#define CT_ID  "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee0"

/* For what must come: a busy machine only takes longer to pass. And for what must not. */
#define PATIENCE_MS 60000
#define NOTHING_MS  400

static struct network_ctx *ctx;
static struct options *opts;
static struct network_driver driver;
static struct network_def def;
static json_t *net_plan;
static char run_root[] = "/tmp/berth-test-XXXXXX";
static int outside = -1; /* the namespace of a machine at 10.99.0.2, the host being 10.99.0.1 */

static void ctx_open(void)
{
    _cleanup_(err_fini) struct err err = {0};
    struct network_config cfg = {.instance = INSTANCE,
                                 .run_root = run_root,
                                 .netd_path = getenv("BERTH_TEST_NETD"),
                                 .rules_path = getenv("BERTH_TEST_RULES"),
                                 .pool = 2};
    ctx = network_open(&cfg, &err);
    if (!ctx)
        fail_msg("%s", err_msg(&err));
}

static void outside_make(void)
{
    outside = netns_create(NULL);
    assert_true(outside >= 0);
    _cleanup_(freep) char *path = str_printf("/proc/%d/fd/%d", getpid(), outside);
    DO("ip", "link", "add", "wan0", "type", "veth", "peer", "name", "far0", "netns", path);
    DO("ip", "addr", "add", "10.99.0.1/24", "dev", "wan0");
    DO("ip", "-6", "addr", "add", "fd99::1/64", "dev", "wan0", "nodad");
    DO("ip", "link", "set", "wan0", "up");
    int home;
    assert_int_equal(netns_enter(outside, &home, NULL), 0);
    DO("ip", "addr", "add", "10.99.0.2/24", "dev", "far0");
    DO("ip", "-6", "addr", "add", "fd99::2/64", "dev", "far0", "nodad");
    DO("ip", "link", "set", "far0", "up");
    DO("ip", "route", "add", "172.29.0.0/16", "via", "10.99.0.1");
    DO("ip", "route", "add", "127.0.0.77/32", "via", "10.99.0.1");
    netns_leave(home);
}

static int setup(void **state)
{
    if (host_enter(state) < 0 || !mkdtemp(run_root))
        return -1;
    DO("ip", "link", "set", "lo", "up");
    const struct berth_plugin *p = driver_load("bridge/" BRIDGE_SO);
    options_new(p->options, BERTH_OPT_OBJECT, NULL, NULL, true, &opts, NULL);
    driver = (struct network_driver){.name = p->name, .ops = p->ops};
    def = (struct network_def){.id = NET_ID,
                               .name = "bridge",
                               .options = options_table(opts),
                               .predefined = true,
                               .is_default = true,
                               .subnet = "172.29.0.0/16",
                               .gateway = "172.29.0.1"};
    outside_make();
    ctx_open();
    _cleanup_(err_fini) struct err err = {0};
    assert_ok(network_net_create(ctx, &driver, &def, &net_plan, &err), &err);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    assert_ok(network_net_remove(ctx, &driver, &def, net_plan, &err), &err);
    assert_false(link_there("berth0"));
    assert_ok(network_destroy(ctx, &err), &err);
    network_close(ctx);
    assert_null(RUN("nft", "list", "table", "inet", "berth-" INSTANCE));
    json_decref(net_plan);
    options_free(opts);
    close_fd(outside);
    fs_rm_rf(AT_FDCWD, run_root);
    return 0;
}

/* --- containers: a namespace, and sockets opened inside it */

static int attach(const char *id, const char *address, const char *bindings,
                  struct network_attachment *a, struct err *err)
{
    json_auto_t *b = NULL;
    if (bindings)
        assert_ok(json_parse(bindings, strlen(bindings), &b, err), err);
    struct network_attach_req req = {.driver = &driver,
                                     .def = &def,
                                     .container_id = id,
                                     .address = address,
                                     .gateway = true,
                                     .bindings = b,
                                     .netns_fd = -1};
    *a = (struct network_attachment){.netns_fd = -1};
    int r = network_attach_begin(ctx, &req, a, err);
    return r < 0 ? r : network_attach_finish(ctx, &req, a, err);
}

static void detach(struct network_attachment *a)
{
    _cleanup_(err_fini) struct err err = {0};
    assert_ok(network_detach(ctx, &driver, &def, a->state, &err), &err);
    assert_ok(network_detach(ctx, &driver, &def, a->state, &err), &err); /* again is fine */
    assert_ok(network_release(ctx, a->state, &err), &err);
    assert_ok(network_release(ctx, a->state, &err), &err);
    network_attachment_fini(a);
}

struct seen {
    unsigned links, ports, reservations;
};

static void note(void *arg, const char *kind, const char *object)
{
    struct seen *s = arg;
    assert_true(*object);
    s->links += str_eq(kind, "link");
    s->ports += str_eq(kind, "port");
    s->reservations += str_eq(kind, "reservation");
}

static struct seen missing_of(const json_t *state)
{
    _cleanup_(err_fini) struct err err = {0};
    _cleanup_(network_look_freep) struct network_look *l = network_look_new(ctx, &err);
    struct seen s = {0};
    if (!l)
        fail_msg("%s", err_msg(&err));
    network_look_missing(l, state, note, &s);
    network_look_network(l, def.id, net_plan, note, &s);
    return s;
}

static struct seen strays_beside(const json_t *states)
{
    _cleanup_(network_look_freep) struct network_look *l = network_look_new(ctx, NULL);
    struct seen s = {0};
    network_look_strays(l, states, note, &s);
    return s;
}

static void a_look_tells_what_is_missing_and_what_belongs_to_nothing(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a;
    assert_ok(
        attach("c-look", "172.29.0.77/16", "{\"80/tcp\":[{\"HostPort\":\"18977\"}]}", &a, &err),
        &err);
    json_auto_t *none = json_array(), *one = json_array();
    json_array_append(one, a.state);
    struct seen s = missing_of(a.state);
    assert_true(s.links == 0 && s.ports == 0 && s.reservations == 0);
    s = strays_beside(one);
    assert_true(s.links == 0 && s.ports == 0 && s.reservations == 0);
    s = strays_beside(none);
    assert_int_equal(s.links, 1);
    assert_int_equal(s.ports, 2); /* the port, and the container's own address */
    assert_int_equal(s.reservations, 1);
    assert_ok(network_detach(ctx, &driver, &def, a.state, &err), &err);
    s = missing_of(a.state);
    assert_true(s.links == 1 && s.ports == 2 && s.reservations == 0);
    detach(&a);
    s = strays_beside(none);
    assert_true(s.links == 0 && s.ports == 0 && s.reservations == 0);
}

static int socket_in(int ns, int family, int type)
{
    int home = -1;
    if (ns >= 0)
        assert_int_equal(netns_enter(ns, &home, NULL), 0);
    int s = socket(family, type | SOCK_CLOEXEC, 0);
    if (ns >= 0)
        netns_leave(home);
    assert_true(s >= 0);
    return s;
}

static struct sockaddr_in at4(const char *address, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
    return a;
}

static int server_in(int ns, int type, uint16_t port)
{
    int s = socket_in(ns, AF_INET, type);
    struct sockaddr_in a = at4("0.0.0.0", port);
    assert_int_equal(bind(s, (struct sockaddr *)&a, sizeof(a)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(s, 8), 0);
    return s;
}

static bool readable(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, ms) == 1;
}

/* Does `server` get a connection made to that address within wait_ms, and do bytes pass both ways? from (may be NULL):
 * the client's address as the server saw it. */
static bool connects(int ns, int family, const void *to, socklen_t n, int server, int wait_ms,
                     char *from)
{
    _cleanup_(closep) int c = socket_in(ns, family, SOCK_STREAM | SOCK_NONBLOCK);
    if (connect(c, to, n) < 0 && errno != EINPROGRESS)
        return false;
    if (!readable(server, wait_ms))
        return false;
    struct sockaddr_in who;
    socklen_t len = sizeof(who);
    _cleanup_(closep) int s = accept4(server, (struct sockaddr *)&who, &len, SOCK_CLOEXEC);
    if (from)
        inet_ntop(AF_INET, &who.sin_addr, from, INET_ADDRSTRLEN);
    struct pollfd p = {.fd = c, .events = POLLOUT};
    poll(&p, 1, PATIENCE_MS);
    char got[8] = "";
    return send(c, "ping", 4, MSG_NOSIGNAL) == 4 && readable(s, PATIENCE_MS) &&
           recv(s, got, 8, 0) == 4 && send(s, "pong", 4, MSG_NOSIGNAL) == 4 &&
           readable(c, PATIENCE_MS) && recv(c, got, 8, 0) == 4 && memcmp(got, "pong", 4) == 0;
}

static bool tcp_from(int ns, const char *address, uint16_t port, int server, char *from)
{
    struct sockaddr_in a = at4(address, port);
    return connects(ns, AF_INET, &a, sizeof(a), server, PATIENCE_MS, from);
}

static bool no_tcp_from(int ns, const char *address, uint16_t port, int server)
{
    struct sockaddr_in a = at4(address, port);
    return !connects(ns, AF_INET, &a, sizeof(a), server, NOTHING_MS, NULL);
}

static bool udp_from(int ns, const char *address, uint16_t port, int server)
{
    _cleanup_(closep) int c = socket_in(ns, AF_INET, SOCK_DGRAM);
    struct sockaddr_in a = at4(address, port), who;
    socklen_t len = sizeof(who);
    char got[8];
    if (connect(c, (struct sockaddr *)&a, sizeof(a)) < 0 || send(c, "ping", 4, 0) != 4 ||
        !readable(server, PATIENCE_MS) ||
        recvfrom(server, got, sizeof(got), 0, (struct sockaddr *)&who, &len) != 4)
        return false;
    return sendto(server, "pong", 4, 0, (struct sockaddr *)&who, len) == 4 &&
           readable(c, PATIENCE_MS) && recv(c, got, sizeof(got), 0) == 4;
}

static char *table(void)
{
    return RUN("nft", "-j", "list", "table", "inet", "berth-" INSTANCE);
}

/* --- the tests */

static void published_port_is_reached_from_everywhere(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a, b;
    int64_t t = time_mono_ns();
    assert_ok(
        attach(CT_ID "1", "172.29.0.2/16", "{\"80/tcp\":[{\"HostPort\":\"18080\"}]}", &a, &err),
        &err);
    print_message("attached in %.2f ms\n", (double)(time_mono_ns() - t) / 1e6);
    assert_ok(attach(CT_ID "2", "172.29.0.3/16", NULL, &b, &err), &err);
    _cleanup_(closep) int s = server_in(a.netns_fd, SOCK_STREAM, 80);
    char from[INET_ADDRSTRLEN];
    assert_true(tcp_from(outside, "10.99.0.1", 18080, s, from));
    assert_string_equal(from, "10.99.0.2"); /* the client's own address is kept */
    assert_true(tcp_from(-1, "127.0.0.1", 18080, s, from));
    assert_string_equal(from, "172.29.0.1");
    assert_true(tcp_from(-1, "10.99.0.1", 18080, s, NULL));
    assert_true(tcp_from(a.netns_fd, "10.99.0.1", 18080, s, NULL)); /* its own port */
    assert_true(tcp_from(b.netns_fd, "10.99.0.1", 18080, s, NULL));
    assert_true(tcp_from(b.netns_fd, "172.29.0.1", 18080, s, NULL));
    assert_true(tcp_from(b.netns_fd, "172.29.0.2", 80, s, from)); /* directly, icc */
    assert_string_equal(from, "172.29.0.3");
    assert_true(no_tcp_from(outside, "172.29.0.2", 80, s)); /* not past the published port */
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(18080), .sin6_addr = in6addr_loopback};
    assert_true(connects(-1, AF_INET6, &six, sizeof(six), s, PATIENCE_MS, NULL));
    inet_pton(AF_INET6, "fd99::1", &six.sin6_addr);
    assert_true(connects(outside, AF_INET6, &six, sizeof(six), s, PATIENCE_MS, NULL));
    _cleanup_(freep) char *ports = json_text(json_obj(a.state, "Ports"));
    assert_string_equal(ports, "{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"18080\"},"
                               "{\"HostIp\":\"::\",\"HostPort\":\"18080\"}]}");
    assert_string_equal(json_str(a.state, "IPAddress", ""), "172.29.0.2");
    assert_string_equal(json_str(a.state, "MacAddress", ""), "02:42:ac:1d:00:02");
    detach(&b);
    t = time_mono_ns();
    detach(&a);
    print_message("detached in %.2f ms\n", (double)(time_mono_ns() - t) / 1e6);
    _cleanup_(freep) char *after = table();
    assert_null(strstr(after, "18080"));
    assert_true(no_tcp_from(-1, "127.0.0.1", 18080, s));
}

static void port_on_loopback_is_the_hosts_alone(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a, b;
    assert_ok(attach(CT_ID "1", "172.29.0.2/16",
                     "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"18080\"},"
                     "{\"HostIp\":\"127.0.0.77\",\"HostPort\":\"18081\"}]}",
                     &a, &err),
              &err);
    assert_ok(attach(CT_ID "2", "172.29.0.3/16", NULL, &b, &err), &err);
    _cleanup_(closep) int s = server_in(a.netns_fd, SOCK_STREAM, 80);
    assert_true(tcp_from(-1, "127.0.0.1", 18080, s, NULL));
    assert_true(no_tcp_from(-1, "10.99.0.1", 18080, s));
    assert_true(no_tcp_from(outside, "10.99.0.1", 18080, s));
    assert_true(no_tcp_from(outside, "127.0.0.77", 18081, s)); /* routed here on purpose */
    assert_true(no_tcp_from(b.netns_fd, "172.29.0.1", 18080, s));
    detach(&b);
    detach(&a);
}

static void udp_port_is_published(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a;
    assert_ok(
        attach(CT_ID "1", "172.29.0.2/16", "{\"53/udp\":[{\"HostPort\":\"18053\"}]}", &a, &err),
        &err);
    _cleanup_(closep) int s = server_in(a.netns_fd, SOCK_DGRAM, 53);
    assert_true(udp_from(outside, "10.99.0.1", 18053, s));
    assert_true(udp_from(-1, "127.0.0.1", 18053, s));
    detach(&a);
}

static void outgoing_traffic_is_masqueraded(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a;
    assert_ok(attach(CT_ID "1", "172.29.0.2/16", NULL, &a, &err), &err);
    _cleanup_(closep) int s = server_in(outside, SOCK_STREAM, 8000);
    char from[INET_ADDRSTRLEN];
    assert_true(tcp_from(a.netns_fd, "10.99.0.2", 8000, s, from));
    assert_string_equal(from, "10.99.0.1");
    detach(&a);
}

static int host_bind(uint16_t port)
{
    int s = socket_in(-1, AF_INET, SOCK_STREAM), on = 1;
    struct sockaddr_in a = at4("0.0.0.0", port);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int r = bind(s, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(s, 1) < 0 ? -errno : s;
    if (r < 0)
        close(s);
    return r;
}

static void reserved_port_is_taken_for_everybody_else(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0}, why = {0};
    struct network_attachment a, b;
    assert_ok(attach(CT_ID "1", "172.29.0.2/16",
                     "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"18080\"}]}", &a, &err),
              &err);
    assert_int_equal(host_bind(18080), -EADDRINUSE);
    assert_int_equal(
        attach(CT_ID "2", "172.29.0.3/16", "{\"80/tcp\":[{\"HostPort\":\"18080\"}]}", &b, &why),
        -EADDRINUSE);
    assert_non_null(strstr(why.msg, "0.0.0.0:18080/tcp is already in use"));
    assert_non_null(strstr(why.msg, "c0ffee00c0ff"));
    detach(&a);
    _cleanup_(closep) int taken = host_bind(18080);
    assert_true(taken >= 0);
    err_clear(&why);
    assert_int_equal(attach(CT_ID "2", "172.29.0.3/16",
                            "{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"18080\"}]}", &b,
                            &why),
                     -EADDRINUSE);
    assert_string_equal(why.msg, "address 127.0.0.1:18080/tcp is already in use");
    _cleanup_(freep) char *links = RUN("ip", "-j", "link");
    assert_null(strstr(links, "\"b" INSTANCE)); /* nothing half-made */
}

static void ephemeral_ports_and_ranges_find_a_free_one(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a;
    _cleanup_(closep) int taken = host_bind(18090);
    assert_ok(
        attach(CT_ID "1", "172.29.0.2/16",
               "{\"80/tcp\":[{\"HostPort\":\"18090-18092\"}],\"81/tcp\":[{\"HostPort\":\"\"}]}", &a,
               &err),
        &err);
    const json_t *ports = json_obj(a.state, "Ports");
    json_t *range = json_arr(ports, "80/tcp"), *any = json_arr(ports, "81/tcp");
    assert_string_equal(json_str(json_array_get(range, 0), "HostPort", ""), "18091");
    const char *four = json_str(json_array_get(any, 0), "HostPort", "");
    assert_true(atoi(four) > 1023);
    assert_string_equal(four, json_str(json_array_get(any, 1), "HostPort", ""));
    detach(&a);
}

static pid_t netd_pid(void)
{
    _cleanup_(freep) char *path = str_printf("%s/netd", run_root);
    _cleanup_(closep) int dir = fs_open_dir(AT_FDCWD, path);
    _cleanup_(closep) int s = -1;
    for (int i = 0; i < PATIENCE_MS / 10 && s < 0; i++) {
        s = frame_connect_at(dir, "sock");
        if (s < 0)
            poll(NULL, 0, 10);
    }
    assert_true(s >= 0);
    _cleanup_(frame_reader_fini) struct frame_reader in = {0};
    json_auto_t *hello = json_pack("{s:s,s:i,s:i}", "type", "hello", "seq", 1, "protocol", 1);
    json_auto_t *reply = NULL;
    assert_int_equal(frame_send(s, hello, NULL, 0), 0);
    assert_int_equal(frame_recv(&in, s, PATIENCE_MS, &reply), 0);
    return (pid_t)json_int(reply, "pid", 0);
}

static void killed_netd_is_replaced_and_holds_again(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a;
    assert_ok(
        attach(CT_ID "1", "172.29.0.2/16", "{\"80/tcp\":[{\"HostPort\":\"18080\"}]}", &a, &err),
        &err);
    assert_ok(network_attach_owner(ctx, a.state, getpid(), 0, &err), &err);
    _cleanup_(closep) int s = server_in(a.netns_fd, SOCK_STREAM, 80);
    _cleanup_(freep) char *file = str_printf("%s/netd/state", run_root);
    _cleanup_(freep) char *text = NULL;
    assert_int_equal(fs_read(AT_FDCWD, file, 65536, &text, NULL), 0);
    assert_non_null(strstr(text, CT_ID "1"));
    pid_t old = netd_pid();
    _cleanup_(closep) int gone = (int)syscall(SYS_pidfd_open, old, 0);
    assert_int_equal(kill(old, SIGKILL), 0);
    assert_true(readable(gone, PATIENCE_MS));
    bool held = false;
    for (int i = 0; i < PATIENCE_MS / 10 && !held; i++) {
        int r = host_bind(18080);
        held = r == -EADDRINUSE;
        close_fd(r);
        if (!held)
            poll(NULL, 0, 10);
    }
    assert_true(held);
    assert_int_not_equal(netd_pid(), old);
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(18080), .sin6_addr = in6addr_loopback};
    assert_true(connects(-1, AF_INET6, &six, sizeof(six), s, PATIENCE_MS, NULL));
    detach(&a);
}

static void netd_lets_go_when_the_shim_dies(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a;
    pid_t shim = fork();
    if (shim == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pause();
        _exit(0);
    }
    assert_ok(
        attach(CT_ID "1", "172.29.0.2/16", "{\"80/tcp\":[{\"HostPort\":\"18080\"}]}", &a, &err),
        &err);
    assert_ok(network_attach_owner(ctx, a.state, shim, 0, &err), &err);
    assert_int_equal(host_bind(18080), -EADDRINUSE);
    kill(shim, SIGKILL);
    waitpid(shim, NULL, 0);
    int r = -1;
    for (int i = 0; i < PATIENCE_MS / 5 && r < 0; i++) {
        r = host_bind(18080);
        if (r < 0)
            poll(NULL, 0, 5);
    }
    assert_true(r >= 0);
    close(r);
    detach(&a);
}

static void lost_table_comes_back_whole(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a, b;
    assert_ok(
        attach(CT_ID "1", "172.29.0.2/16", "{\"80/tcp\":[{\"HostPort\":\"18080\"}]}", &a, &err),
        &err);
    DO("nft", "delete", "table", "inet", "berth-" INSTANCE);
    assert_ok(
        attach(CT_ID "2", "172.29.0.3/16", "{\"80/tcp\":[{\"HostPort\":\"18081\"}]}", &b, &err),
        &err);
    _cleanup_(freep) char *now = table();
    assert_non_null(strstr(now, "18080"));
    assert_non_null(strstr(now, "18081"));
    assert_non_null(strstr(now, "berth0"));
    detach(&a);
    detach(&b);
}

static void restore_makes_the_ports_exactly_those_that_live(void **state)
{
    (void)state;
    _cleanup_(err_fini) struct err err = {0};
    struct network_attachment a, b;
    assert_ok(
        attach(CT_ID "1", "172.29.0.2/16", "{\"80/tcp\":[{\"HostPort\":\"18080\"}]}", &a, &err),
        &err);
    assert_ok(
        attach(CT_ID "2", "172.29.0.3/16", "{\"80/tcp\":[{\"HostPort\":\"18081\"}]}", &b, &err),
        &err);
    network_close(ctx);
    ctx_open();
    json_t *plan = NULL;
    assert_ok(network_net_create(ctx, &driver, &def, &plan, &err), &err);
    json_decref(plan);
    json_auto_t *alive = json_array();
    json_array_append(alive, a.state);
    assert_ok(network_restore(ctx, alive, &err), &err);
    _cleanup_(freep) char *now = table();
    assert_non_null(strstr(now, "18080"));
    assert_null(strstr(now, "18081"));
    _cleanup_(closep) int s = server_in(a.netns_fd, SOCK_STREAM, 80);
    assert_true(tcp_from(outside, "10.99.0.1", 18080, s, NULL));
    detach(&a);
    detach(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_look_tells_what_is_missing_and_what_belongs_to_nothing),
        cmocka_unit_test(published_port_is_reached_from_everywhere),
        cmocka_unit_test(port_on_loopback_is_the_hosts_alone),
        cmocka_unit_test(udp_port_is_published),
        cmocka_unit_test(outgoing_traffic_is_masqueraded),
        cmocka_unit_test(reserved_port_is_taken_for_everybody_else),
        cmocka_unit_test(ephemeral_ports_and_ranges_find_a_free_one),
        cmocka_unit_test(killed_netd_is_replaced_and_holds_again),
        cmocka_unit_test(netd_lets_go_when_the_shim_dies),
        cmocka_unit_test(lost_table_comes_back_whole),
        cmocka_unit_test(restore_makes_the_ports_exactly_those_that_live),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
