/* SPDX-License-Identifier: Apache-2.0 */
/* A berthd for tests. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "base/id.h"
#include "base/json.h"
#include "base/str.h"

#define WAIT_MS 60000

static void make_root(const char *root)
{
    static const char *const dirs[] = {"bin", "etc", "tmp", "root", "proc", "dev", "sys"};
    static const char *const applets[] = {
        "sh",    "echo", "cat",      "id",   "sleep", "ls",       "mkdir", "kill", "stat",
        "touch", "stty", "hostname", "grep", "dd",    "true",     "false", "env",  "pwd",
        "wc",    "tty",  "umask",    "seq",  "mount", "readlink", "head",  "yes"};
    for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
        _cleanup_(freep) char *d = str_printf("%s/%s", root, dirs[i]);
        assert_int_equal(fs_mkdir_p(d, 0755), 0);
    }
    char *data;
    size_t n;
    assert_int_equal(fs_read(AT_FDCWD, "/bin/busybox", 16u << 20, &data, &n), 0);
    _cleanup_(freep) char *busybox = str_printf("%s/bin/busybox", root);
    assert_int_equal(fs_write(AT_FDCWD, busybox, data, n, 0755), 0);
    free(data);
    for (size_t i = 0; i < ARRAY_SIZE(applets); i++) {
        _cleanup_(freep) char *link = str_printf("%s/bin/%s", root, applets[i]);
        assert_int_equal(symlink("busybox", link), 0);
    }
    static const char passwd[] =
        "root:x:0:0:root:/root:/bin/sh\nweb:x:33:34:web:/srv/web:/bin/sh\n";
    static const char group[] = "root:x:0:\nwww:x:34:\nextra:x:50:web,other\naudio:x:29:\n";
    _cleanup_(freep) char *p = str_printf("%s/etc/passwd", root);
    _cleanup_(freep) char *g = str_printf("%s/etc/group", root);
    assert_int_equal(fs_write(AT_FDCWD, p, passwd, strlen(passwd), 0644), 0);
    assert_int_equal(fs_write(AT_FDCWD, g, group, strlen(group), 0644), 0);
}

int harness_setup(void **state)
{
    umask(022);
    struct harness *h = xcalloc(1, sizeof(*h));
    char dir[] = "/tmp/berth-shim-test.XXXXXX";
    assert_non_null(mkdtemp(dir));
    chmod(dir, 0755);
    h->dir = xstrdup(dir);
    h->control = h->out = h->err = h->fd = h->rundir = -1;
    h->events = json_array();
    id_new(h->id);
    _cleanup_(freep) char *root = str_printf("%s/root", dir);
    _cleanup_(freep) char *run = str_printf("%s/run", dir);
    _cleanup_(freep) char *log = str_printf("%s/log", dir);
    fs_mkdir_p(run, 0700);
    fs_mkdir_p(log, 0700);
    make_root(root);
    h->rundir = fs_open_dir(AT_FDCWD, run);
    *state = h;
    return 0;
}

int harness_teardown(void **state)
{
    struct harness *h = *state;
    frame_reader_fini(&h->in);
    close_fd(h->control);
    close_fd(h->out);
    close_fd(h->fd);
    if (h->shim > 0) {
        json_t *text = NULL;
        char *data = NULL;
        if (fs_read(h->rundir, "state", 65536, &data, NULL) == 0) {
            text = json_loads(data, 0, NULL);
            pid_t init = (pid_t)json_int(text, "init_pid", 0);
            if (init > 0 && !str_eq(json_str(text, "phase", NULL), "exited"))
                kill(init, SIGKILL);
            json_decref(text);
            free(data);
        }
        kill(h->shim, SIGKILL);
        waitpid(h->shim, NULL, 0);
    }
    close_fd(h->rundir);
    assert_int_equal(fs_rm_rf(AT_FDCWD, h->dir), 0);
    json_decref(h->events);
    free(h->dir);
    free(h);
    return 0;
}

static void exec_shim(struct harness *h, int control)
{
    int fds[] = {control, h->rundir, open(SHIM_PATH, O_RDONLY)};
    for (int i = 0; i < 3; i++)
        fds[i] = fcntl(fds[i], F_DUPFD, 100);
    for (int i = 0; i < 3; i++)
        dup2(fds[i], 3 + i);
    int null = open("/dev/null", O_RDONLY);
    dup2(null, 0);
    close_range(6, ~0u, 0);
    if (h->nlimits) {
        struct sock_fprog prog = {(unsigned short)h->nlimits, (struct sock_filter *)h->limits};
        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
            _exit(99);
    }
    execl(SHIM_PATH, "berth-shim", h->id, NULL);
    _exit(98);
}

static void say_hello(struct harness *h)
{
    json_t *hello = NULL;
    assert_int_equal(frame_recv(&h->in, h->control, WAIT_MS, &hello), 0);
    assert_string_equal(json_str(hello, "type", ""), "hello");
    assert_int_equal(json_int(hello, "protocol", 0), 1);
    assert_string_equal(json_str(hello, "id", ""), h->id);
    json_decref(hello);
    json_t *msg = msg_new("hello");
    json_put_int(msg, "protocol", 1);
    json_decref(ask_ok(h, msg));
}

void shim_start(struct harness *h)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    h->shim = fork();
    if (h->shim == 0)
        exec_shim(h, pair[1]);
    close(pair[1]);
    h->control = pair[0];
    say_hello(h);
}

void reattach(struct harness *h)
{
    close_fd(h->control);
    frame_reader_fini(&h->in);
    h->in = (struct frame_reader){0};
    h->control = frame_connect_at(h->rundir, "sock");
    assert_true(h->control >= 0);
    say_hello(h);
}

json_t *msg_new(const char *type)
{
    json_t *o = json_object();
    json_put_str(o, "type", type);
    return o;
}

static json_t *receive(struct harness *h)
{
    json_t *msg = NULL;
    assert_int_equal(frame_recv(&h->in, h->control, WAIT_MS, &msg), 0);
    int fd;
    if (h->in.nfds && frame_take_fds(&h->in, &fd, 1) == 1) {
        close_fd(h->fd);
        h->fd = fd;
    }
    return msg;
}

json_t *ask_fd(struct harness *h, json_t *msg, int fd)
{
    int64_t seq = ++h->seq;
    json_put_int(msg, "seq", seq);
    assert_int_equal(frame_send(h->control, msg, &fd, fd >= 0 ? 1 : 0), 0);
    json_decref(msg);
    for (;;) {
        json_t *got = receive(h);
        if (str_eq(json_str(got, "type", NULL), "reply") && json_int(got, "seq", 0) == seq)
            return got;
        json_array_append_new(h->events, got);
    }
}

json_t *ask(struct harness *h, json_t *msg)
{
    return ask_fd(h, msg, -1);
}

json_t *ask_ok(struct harness *h, json_t *msg)
{
    json_t *reply = ask(h, msg);
    if (json_int(reply, "error", -1) != 0)
        fail_msg("refused: %s", json_str(reply, "message", "?"));
    return reply;
}

json_t *await_event(struct harness *h, const char *type)
{
    for (size_t i = 0; i < json_array_size(h->events); i++) {
        json_t *e = json_array_get(h->events, i);
        if (str_eq(json_str(e, "type", NULL), type)) {
            json_incref(e);
            json_array_remove(h->events, i);
            return e;
        }
    }
    for (;;) {
        json_t *e = receive(h);
        if (str_eq(json_str(e, "type", NULL), type))
            return e;
        json_array_append_new(h->events, e);
    }
}

int shim_wait(struct harness *h)
{
    int status = -1;
    assert_int_equal(waitpid(h->shim, &status, 0), h->shim);
    h->shim = 0;
    return status;
}

/* --- plans */

json_t *plan_process(json_t *plan)
{
    return json_object_get(plan, "process");
}

void plan_mount(json_t *plan, json_t *mount)
{
    json_array_append_new(json_object_get(plan, "mounts"), mount);
}

static json_t *plain_mounts(void)
{
    return json_pack(
        "[{s:s,s:s,s:[s,s,s]},{s:s,s:s,s:s,s:[s,s],s:[[s,s],[s,s]]},"
        "{s:s,s:s,s:[s,s],s:[[s,n],[s,s],[s,s],[s,s]]},{s:s,s:s,s:[s,s,s,s]},"
        "{s:s,s:s,s:[s,s,s]},{s:s,s:s,s:s,s:[s,s,s],s:[[s,s],[s,s]]}]",
        "target", "/proc", "filesystem", "proc", "flags", "nosuid", "noexec", "nodev", //
        "target", "/dev", "filesystem", "tmpfs", "source", "tmpfs", "flags", "nosuid",
        "strictatime", "options", "mode", "755", "size", "65536k", //
        "target", "/dev/pts", "filesystem", "devpts", "flags", "nosuid", "noexec", "options",
        "newinstance", "ptmxmode", "0666", "mode", "0620", "gid", "5",                         //
        "target", "/sys", "filesystem", "sysfs", "flags", "nosuid", "noexec", "nodev", "ro",   //
        "target", "/dev/mqueue", "filesystem", "mqueue", "flags", "nosuid", "noexec", "nodev", //
        "target", "/dev/shm", "filesystem", "tmpfs", "source", "shm", "flags", "nosuid", "noexec",
        "nodev", "options", "mode", "1777", "size", "64m");
}

static json_t *plain_devices(void)
{
    static const struct {
        const char *path;
        int major, minor;
    } devices[] = {{"/dev/null", 1, 3}, {"/dev/zero", 1, 5},   {"/dev/full", 1, 7},
                   {"/dev/tty", 5, 0},  {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}};
    json_t *list = json_array();
    for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
        json_array_append_new(list, json_pack("{s:s,s:s,s:i,s:i,s:i}", "path", devices[i].path,
                                              "type", "c", "major", devices[i].major, "minor",
                                              devices[i].minor, "mode", 0666));
    return list;
}

json_t *plan_new(struct harness *h, const char *const *argv)
{
    const int64_t caps = 0xa80425fb;
    json_t *args = json_array();
    for (; *argv; argv++)
        json_array_append_new(args, json_string(*argv));
    _cleanup_(freep) char *root = str_printf("%s/root", h->dir);
    json_t *process =
        json_pack("{s:o,s:[s],s:s,s:s,s:{s:I,s:I,s:I,s:i},s:i}", "args", args, "env",
                  "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "cwd", "/", "user", "", "capabilities",
                  "bounding", (json_int_t)caps, "effective", (json_int_t)caps, "permitted",
                  (json_int_t)caps, "inheritable", 0, "umask", 022);
    return json_pack("{s:s,s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s},s:{s:s},s:o,s:[s,s],s:[s,s],s:o,"
                     "s:[[s,s],[s,s]],s:o}",
                     "id", h->id, "instance", "0123abcd", "hostname", "boxed", "namespaces", "mnt",
                     "new", "pid", "new", "uts", "new", "ipc", "new", "net", "new", "cgroup",
                     "host", "rootfs", "bind", root, "mounts", plain_mounts(), "masked",
                     "/proc/kcore", "/proc/acpi", "readonly_paths", "/proc/sys", "/proc/bus",
                     "devices", plain_devices(), "dev_links", "/proc/self/fd", "/dev/fd",
                     "/proc/self/fd/1", "/dev/stdout", "process", process);
}

json_t *plan_sh(struct harness *h, const char *script)
{
    return plan_new(h, (const char *const[]){"sh", "-c", script, NULL});
}

json_t *prepare_msg(json_t *plan)
{
    json_t *msg = msg_new("prepare");
    json_put_take(msg, "plan", plan);
    return msg;
}

int attach(struct harness *h, const char *exec, bool in, bool out, bool err)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    json_t *msg = msg_new("attach");
    if (exec)
        json_put_str(msg, "exec", exec);
    json_put_bool(msg, "stdin", in);
    json_put_bool(msg, "stdout", out);
    json_put_bool(msg, "stderr", err);
    json_t *reply = ask_fd(h, msg, pair[1]);
    close(pair[1]);
    assert_int_equal(json_int(reply, "error", -1), 0);
    json_decref(reply);
    return pair[0];
}

void run_plan(struct harness *h, json_t *plan)
{
    bool in = json_bool(plan_process(plan), "stdin", false);
    json_decref(ask_ok(h, prepare_msg(plan)));
    h->out = attach(h, NULL, in, true, true);
    json_decref(ask_ok(h, msg_new("go")));
}

static size_t read_all(int fd, char **out)
{
    struct buf b = {0};
    char chunk[16384];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) != 1)
            fail_msg("nothing came for %d ms after %zu bytes", WAIT_MS, b.len);
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n <= 0)
            break;
        buf_add(&b, chunk, (size_t)n);
    }
    size_t n = b.len;
    *out = buf_steal(&b);
    return n;
}

char *read_stream(int fd, bool raw)
{
    char *all;
    size_t n = read_all(fd, &all);
    if (raw)
        return all;
    struct buf b = {0};
    for (size_t at = 0; at + 8 <= n;) {
        const unsigned char *p = (const unsigned char *)all + at;
        size_t len = (size_t)p[4] << 24 | (size_t)p[5] << 16 | (size_t)p[6] << 8 | p[7];
        assert_true(p[0] == 1 || p[0] == 2);
        assert_true(at + 8 + len <= n);
        buf_add(&b, p + 8, len);
        at += 8 + len;
    }
    free(all);
    return buf_steal(&b);
}

int exit_code(struct harness *h)
{
    json_t *e = await_event(h, "exited");
    int code = (int)json_int(json_obj(e, "exit"), "code", -1);
    json_decref(e);
    return code;
}

void release(struct harness *h)
{
    json_decref(ask_ok(h, msg_new("release")));
    int status = shim_wait(h);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

char *run_output(struct harness *h, json_t *plan, int *code)
{
    bool tty = json_bool(plan_process(plan), "tty", false);
    if (h->shim == 0)
        shim_start(h);
    run_plan(h, plan);
    char *out = read_stream(h->out, tty);
    close_fd(h->out);
    h->out = -1;
    int c = exit_code(h);
    if (code)
        *code = c;
    return out;
}

size_t filter_build(const int *calls, size_t n, int errnum, struct sock_filter *f)
{
    size_t k = 0;
    f[k++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < n; i++) {
        f[k++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        f[k++] =
            (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)errnum);
    }
    f[k++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    return k;
}

int filter_fd(const int *calls, size_t n, int errnum)
{
    struct sock_filter f[64];
    size_t k = filter_build(calls, n, errnum, f);
    int fd = fs_sealed_memfd("filter", f, k * sizeof(f[0]), false);
    assert_true(fd >= 0);
    return fd;
}
