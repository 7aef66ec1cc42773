#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Drivers: each of the in-tree ones carries containers; a stranger's is loaded; bad ones are refused by name.
load ../lib/berth

setup_file() { export TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd); }
setup() { world_up; }
teardown() { world_down; }

@test "vfs carries containers and keeps them apart" {
    STORAGE=${DP}vfs write_conf
    daemon_start
    import_busybox
    b run --name first --network none busybox sh -c 'echo changed >/etc/passwd; rm /bin/ls'
    run b run --rm --network none busybox sh -c 'head -1 /etc/passwd; ls /bin/ls'
    [ "${lines[0]}" = "root:x:0:0:root:/root:/bin/sh" ]
    [ "${lines[1]}" = /bin/ls ]
    b rm first
}

@test "overlay is what the kernel mounts, and the host sees no mount" {
    daemon_start
    import_busybox
    b run -d --name over --network none busybox sleep 100
    grep -q ' / .* - overlay ' "/proc/$(init_pid over)/mountinfo"
    refute inworld grep -q " $T/" /proc/self/mountinfo
}

@test "an eighth driver, built with pkg-config berth-sdk alone, is loaded and used" {
    mkdir -p "$T/sdk" "$T/plugins"
    cp -r "$TOP/sdk/template" "$T/sdk/"
    cp "$BERTH_PREFIX"/lib/berth/plugins/*.so "$T/plugins/"
    PKG_CONFIG_PATH=$BERTH_PREFIX/lib/pkgconfig make -C "$T/sdk/template" >"$T/make.log" 2>&1
    cp "$T"/sdk/template/*.so "$T/plugins/"
    write_conf "plugin_dirs = [ \"$T/plugins\" ];"
    daemon_start
    import_busybox
    id=$(b run -d --network none --log-driver template --log-opt prefix=MINE busybox echo through the eighth)
    eventually 5 sh -c "grep -rq 'MINE.*through the eighth' '$T/data/containers/$id/'"
    run b logs "$id"
    [[ $output == *"through the eighth"* ]]
    [[ $(b info --format '{{json .Plugins.Log}}') == *template* ]]
}

@test "a driver that others may write is not loaded" {
    mkdir -p "$T/plugins"
    cp "$BERTH_PREFIX"/lib/berth/plugins/*.so "$T/plugins/"
    chmod 666 "$T/plugins/storage-${DP}overlay.so"
    write_conf "plugin_dirs = [ \"$T/plugins\" ];"
    run inworld timeout 10 "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *"storage-${DP}overlay.so"* ]]
    [[ $output == *"can be written"* ]]
    chmod 644 "$T/plugins/storage-${DP}overlay.so"
    chown 1000 "$T/plugins/storage-${DP}overlay.so"
    run inworld timeout 10 "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *"storage-${DP}overlay.so"* ]]
}

@test "a driver of another ABI, of the wrong kind, or none at all, is refused in words" {
    mkdir -p "$T/plugins"
    cp "$BERTH_PREFIX"/lib/berth/plugins/*.so "$T/plugins/"
    cat >"$T/bad.c" <<'C'
#include <berth/plugin.h>
BERTH_EXPORT const struct berth_plugin berth_plugin = {
    .magic = BERTH_ABI_MAGIC, .abi_major = 99, .kind = BERTH_STORAGE, .size = sizeof(struct berth_plugin),
    .name = "future", .version = "1", .license = "MIT", .summary = "x", .ops = &berth_plugin };
C
    gcc -shared -fPIC $(PKG_CONFIG_PATH=$BERTH_PREFIX/lib/pkgconfig pkg-config --cflags berth-sdk) -o "$T/plugins/storage-future.so" "$T/bad.c"
    write_conf "plugin_dirs = [ \"$T/plugins\" ];"
    sed -i "s/driver = \"${DP}overlay\"/driver = \"future\"/" "$T/daemon.conf"
    run inworld timeout 10 "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *future* && $output == *99* ]]
    sed -i "s/driver = \"future\"/driver = \"${DP}json-file\"/" "$T/daemon.conf"
    run inworld timeout 10 "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *"${DP}json-file"* && $output == *storage* ]]
    sed -i "s/{ driver = \"${DP}json-file\"/{ driver = \"nosuch\"/" "$T/daemon.conf"
    run inworld timeout 10 "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *nosuch* && $output == *"${DP}overlay"* ]]
    # A log driver under a storage driver's name is what it is.
    cp "$T/plugins/log-${DP}syslog.so" "$T/plugins/storage-syslog.so"
    echo 'not a driver' >"$T/plugins/storage-text.so"
    write_conf "plugin_dirs = [ \"$T/plugins\" ];"
    daemon_start
    grep -q storage-text.so "$T/berthd.log"
    grep -q storage-syslog.so "$T/berthd.log"
    grep -q storage-future.so "$T/berthd.log"
}

@test "descriptors that a driver leaks reach neither the container nor an exec" {
    mkdir -p "$T/plugins"
    cp "$BERTH_PREFIX"/lib/berth/plugins/*.so "$T/plugins/"
    cat >"$T/leaky.c" <<'C'
#define _GNU_SOURCE
#include <berth/log.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static void leak(void)
{
    int fd = open("/etc/shadow", O_RDONLY);
    dup(fd);
    dup2(fd, 700);
    open("/", O_RDONLY | O_DIRECTORY);
    socket(AF_INET, SOCK_STREAM, 0);
}
static int leaky_open(const struct berth_log_info *info, void **log, struct berth_err *err)
{
    static int self;
    leak();
    *log = &self;
    return 0;
}
static int leaky_write(void *log, const struct berth_log_record *const *r, size_t n, struct berth_err *err)
{
    leak();
    return 0;
}
static void leaky_close(void *log) {}
static int leaky_check(const struct berth_options *options, struct berth_err *err)
{
    leak();
    return 0;
}
static const struct berth_log_ops ops = {
    .size = sizeof(ops), .open = leaky_open, .write = leaky_write, .close = leaky_close, .check = leaky_check};
static const struct berth_option *const options[] = {NULL};
BERTH_PLUGIN(.kind = BERTH_LOG, .name = "leaky", .version = "1", .license = "MIT", .summary = "Leaks", .options = options,
             .ops = &ops);
C
    gcc -std=gnu11 -shared -fPIC -fvisibility=hidden $(PKG_CONFIG_PATH=$BERTH_PREFIX/lib/pkgconfig pkg-config --cflags berth-sdk) \
        -o "$T/plugins/log-leaky.so" "$T/leaky.c"
    write_conf "plugin_dirs = [ \"$T/plugins\" ];"
    daemon_start
    import_busybox
    b run -d --name leaky --network none --log-driver leaky busybox sh -c 'echo a line; sleep 1000'
    pid=$(init_pid leaky)
    shim=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
    # The driver did leak: into the daemon, which makes shims, and into the shim.
    [[ $(readlink "/proc/$(cat "$T/berthd.pid")/fd/700") == */etc/shadow ]]
    [[ $(readlink "/proc/$shim/fd/700") == */etc/shadow ]]
    [ "$(ls "/proc/$pid/fd" | xargs)" = "0 1 2" ]
    [ "$(b exec leaky sh -c 'ls /proc/$$/fd; :' | xargs)" = "0 1 2" ]
    [ "$(b run --rm --network none busybox sh -c 'ls /proc/1/fd; :' | xargs)" = "0 1 2" ]
    for p in $(pgrep -f "berth-netd $T/"); do refute sh -c "ls -l /proc/$p/fd | grep shadow"; done
}
