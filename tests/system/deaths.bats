#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A monitor that is killed in each state, and deaths together: always stoppable and removable, never two copies of the workload.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
setup() { kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start; }
teardown() {
    kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids
}

shim_of() { awk '/^PPid/ { print $2 }' "/proc/$(init_pid "$1")/status"; }
has_status() { [ "$(field "$1" '{{.State.Status}}')" = "$2" ]; }
# How many processes of the world have this word among their arguments.
copies() { inworld sh -c 'cat $(find /sys/fs/cgroup -name cgroup.procs) | sort -u' | while read -r p; do tr '\0' ' ' <"/proc/$p/cmdline" 2>/dev/null | grep -q "^$1 *$" && echo "$p"; done | wc -l; }
copies_are() { [ "$(copies "$1")" = "$2" ]; }
died() { # died NAME PID: as of a monitor's death, nothing of it left, removable
    eventually 20 has_status "$1" exited
    [ "$(field "$1" '{{.State.ExitCode}}')" = 137 ]
    [[ $(field "$1" '{{.State.Error}}') == *shim* ]]
    eventually 10 ended "$2"
    b rm "$1"
}

@test "the monitor of a running container, of one of a plain user, and of one with execs" {
    b run -d --name plain busybox sleep 1001
    b run -d --name user --user 1000:1000 --network none busybox sleep 1001
    b run -d --name execs --network none busybox sleep 1001
    b exec -d execs sleep 1002
    eventually 10 copies_are "sleep 1002" 1
    for x in plain user execs; do
        pid=$(init_pid $x)
        kill -KILL "$(shim_of $x)"
        died $x "$pid"
    done
    eventually 10 copies_are "sleep 1001" 0
    eventually 10 copies_are "sleep 1002" 0
}

@test "the monitor of a paused container, and of one that is being stopped" {
    b run -d --name paused --network none busybox sleep 1001
    pid=$(init_pid paused)
    b pause paused
    kill -KILL "$(shim_of paused)"
    died paused "$pid"
    b run -d --name stopping --network none busybox sh -c 'trap "echo asked" TERM; echo ready; while :; do sleep 0.1; done'
    eventually 20 sh -c "$BERTH logs stopping | grep -q ready"
    pid=$(init_pid stopping)
    shim=$(shim_of stopping)
    b stop -t 600 stopping &
    stopper=$!
    eventually 20 sh -c "$BERTH logs stopping | grep -q asked"
    kill -KILL "$shim"
    wait $stopper || :
    died stopping "$pid"
}

@test "the monitor killed while the daemon is away, in each state" {
    b run -d --name plain --network none busybox sleep 1001
    b run -d --name paused --network none busybox sleep 1001
    b run -d --name execs --network none busybox sleep 1001
    b exec -d execs sleep 1002
    b pause paused
    pids="$(init_pid plain) $(init_pid paused) $(init_pid execs)"
    shims="$(shim_of plain) $(shim_of paused) $(shim_of execs)"
    daemon_kill
    # shellcheck disable=SC2086
    kill -KILL $shims
    daemon_start
    for x in plain paused execs; do
        died $x "${pids%% *}"
        pids=${pids#* }
    done
    eventually 10 copies_are "sleep 1002" 0
}

@test "killed over and over under restart=always: one copy of the workload, never two" {
    b run -d --name again --network none --restart always busybox sleep 1003
    for i in 1 2 3 4; do
        eventually 20 copies_are "sleep 1003" 1
        shim=$(shim_of again)
        [ $((i % 2)) = 0 ] && daemon_kill
        kill -KILL "$shim"
        kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start
        another() { has_status again running && [ "$(shim_of again)" != "$shim" ]; }
        eventually 20 another
        [ "$(copies "sleep 1003")" -le 1 ]
    done
    b rm -f again
    eventually 10 copies_are "sleep 1003" 0
}

@test "netd and a monitor at once, with and without the daemon: the port is free, others keep theirs" {
    reserved() { refute innet python3 -c "import socket, sys; s = socket.socket(); s.bind(('0.0.0.0', $1))" 2>/dev/null; }
    free() { ! reserved "$1"; }
    for with in present away; do
        b run -d --name dies -p 18081:80 busybox sleep 1001
        b run -d --name lives -p 18082:80 busybox httpd -f -h /var/www
        netd=$(pgrep -f "berth-netd $T/run")
        shim=$(shim_of dies)
        pid=$(init_pid dies)
        [ $with = present ] || daemon_kill
        kill -KILL "$netd" "$shim"
        [ $with = present ] || daemon_start
        died dies "$pid"
        eventually 20 free 18081
        eventually 20 reserved 18082
        [[ $(innet curl -s --max-time 10 http://127.0.0.1:18082/) == *"hello from berth"* ]]
        b rm -f lives
    done
}
