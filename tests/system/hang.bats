#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whatever hangs (a process, its monitor, netd, a client, a file system) holds up nobody but itself.
bats_require_minimum_version 1.5.0
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }

setup() {
    helpers=
    kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start
}
teardown() {
    kill -CONT "$(cat "$T/berthd.pid")" 2>/dev/null || :
    # shellcheck disable=SC2086
    [ -z "$helpers" ] || kill -CONT $helpers 2>/dev/null || :
    # shellcheck disable=SC2086
    for p in ${helpers:-}; do kill -KILL -- -$p 2>/dev/null || kill -KILL $p 2>/dev/null || :; done
    # A test that failed may have left a failpoint.
    [ -n "${BATS_TEST_COMPLETED:-}" ] || daemon_kill || :
    kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids
}

status() { field "$1" '{{.State.Status}}'; }
has_status() { [ "$(status "$1")" = "$2" ]; }
gone() { ! b inspect "$1" >/dev/null 2>&1; }
shim_of() { awk '/^PPid/ { print $2 }' "/proc/$(init_pid "$1")/status"; }
sleeper() { b run -d --network none --name "$1" "${@:2}" busybox sleep 1000; }
# Everything that only reads, at once.
readable() {
    timeout -k 1 5 "$BERTH" ps -a >/dev/null
    timeout -k 1 5 "$BERTH" inspect $(b ps -aq) >/dev/null
    timeout -k 1 5 "$BERTH" events --since 1 --until 2 >/dev/null
    timeout -k 1 5 "$BERTH" info >/dev/null
    timeout -k 1 5 "$BERTH" volume ls >/dev/null
}
# For others than who hangs: the daemon is of use.
usable() {
    readable
    [ "$(timeout -k 1 20 "$BERTH" run --rm --network none busybox echo works)" = works ]
}
# dead_mount DIR [root]: mounts a file system there that never answers, in the daemon's world.
dead_mount() {
    mkdir -p "$1"
    inworld python3 "$LIB/dead-fuse.py" "$@" >"$1.log" 2>&1 3>&- 4>&- &
    eventually 5 grep -q ready "$1.log"
    fuse=$(sed -n 's/^ready //p' "$1.log")
    helpers+=" $fuse"
}
waits_in_kernel() { grep -q "not answered" "$1.log"; }
# A client in the background, its output in a file.
client() { # OUTPUT COMMAND...
    setsid "${@:2}" >"$1" 2>&1 </dev/null 3>&- 4>&- & # a group of its own, to end with all that it started
    helpers+=" $!"
    client=$!
}
at_least() { [ "$(stat -c %s "$1" 2>/dev/null || echo 0)" -ge "$2" ]; }

@test "a monitor that is stopped: readers do not wait, stop, kill and rm -f end the container" {
    for x in s1 k1 x1; do sleeper $x; done
    pids="$(init_pid s1) $(init_pid k1) $(init_pid x1)"
    shims="$(shim_of s1) $(shim_of k1) $(shim_of x1)"
    # shellcheck disable=SC2086
    kill -STOP $shims
    helpers=$shims
    usable
    client "$T/1" timeout -k 1 40 "$BERTH" stop -t 1 s1
    one=$client
    client "$T/2" timeout -k 1 40 "$BERTH" kill k1
    two=$client
    client "$T/3" timeout -k 1 40 "$BERTH" rm -f x1
    three=$client
    usable
    wait $one
    wait $two
    wait $three
    [ "$(field s1 '{{.State.Status}} {{.State.ExitCode}}')" = "exited 137" ]
    [ "$(field k1 '{{.State.Status}} {{.State.ExitCode}}')" = "exited 137" ]
    gone x1
    for p in $pids $shims; do ended "$p"; done
}

@test "a monitor that is stopped: exec, attach and resize say so within their time, the rest goes on" {
    sleeper s1
    helpers=$(shim_of s1)
    kill -STOP $helpers
    run timeout -k 1 30 curl -s --unix-socket "$T/berth.sock" -X POST "http://x/containers/s1/resize?h=1&w=1"
    [[ $output == *"does not answer"* ]]
    usable
    kill -CONT $helpers
    [ "$(b exec s1 echo again)" = again ]
}

@test "a daemon that comes up while a monitor is stopped lets it go on" {
    sleeper s1 --restart no
    sleeper s2
    pid=$(init_pid s1)
    shim=$(shim_of s1)
    daemon_kill
    kill -STOP "$shim"
    helpers=$shim
    daemon_start
    [ "$(init_pid s1)" = "$pid" ]
    [ "$(b exec s1 echo again)" = again ]
    [ "$(b exec s2 echo again)" = again ]
}

@test "netd is stopped: ports are given and taken back all the same, by another one" {
    b run -d --name p1 -p 18081:80 busybox httpd -f -h /var/www
    netd=$(pgrep -f "berth-netd $T/run")
    kill -STOP "$netd"
    helpers=$netd
    readable
    timeout -k 1 40 "$BERTH" run -d --name p2 -p 18082:80 busybox httpd -f -h /var/www
    ended "$netd"
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18082/) == *"hello from berth"* ]]
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18081/) == *"hello from berth"* ]]
    netd=$(pgrep -f "berth-netd $T/run")
    kill -STOP "$netd"
    helpers=$netd
    timeout -k 1 40 "$BERTH" rm -f p1 p2
    ended "$netd"
    # And one that is stopped while the daemon comes up.
    netd=$(pgrep -f "berth-netd $T/run")
    daemon_kill
    kill -STOP "$netd"
    helpers=$netd
    daemon_start
    ended "$netd"
    b run -d --name p1 -p 18081:80 busybox httpd -f -h /var/www
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18081/) == *"hello from berth"* ]]
}

@test "a process that is stopped, or frozen by somebody else: stop, kill and rm -f end it" {
    for x in s1 k1 x1 s2 k2 x2; do sleeper $x; done
    for x in s1 k1 x1; do kill -STOP "$(init_pid $x)"; done
    for x in s2 k2 x2; do
        at=$(inworld find /sys/fs/cgroup -type d -name "$(field $x '{{.Id}}')" -path '*freezer*')
        if [ -n "$at" ]; then
            inworld sh -c "echo FROZEN >$at/freezer.state"
        else
            inworld sh -c "echo 1 >\$(find /sys/fs/cgroup -type d -name $(field $x '{{.Id}}'))/cgroup.freeze"
        fi
    done
    for x in 1 2; do
        timeout -k 1 20 "$BERTH" stop -t 1 s$x
        has_status s$x exited
        timeout -k 1 20 "$BERTH" kill k$x
        has_status k$x exited
        timeout -k 1 20 "$BERTH" rm -f x$x
        gone x$x
    done
}

@test "clients that do not read any more (attach, exec, logs): stop, kill and rm answer" {
    for x in s1 k1 x1; do
        b run -d --network none --name $x busybox sh -c 'trap "" TERM; yes "some words to fill a pipe with"'
        client "$T/attach.$x" sh -c "exec $BERTH attach $x | (read -r l; echo seen; exec sleep 1000)"
        client "$T/exec.$x" sh -c "exec $BERTH exec $x yes more | (read -r l; echo seen; exec sleep 1000)"
        client "$T/logs.$x" sh -c "exec $BERTH logs -f $x | (read -r l; echo seen; exec sleep 1000)"
    done
    for x in s1 k1 x1; do
        for c in attach exec logs; do eventually 10 grep -q seen "$T/$c.$x"; done
    done
    usable
    timeout -k 1 30 "$BERTH" stop -t 1 s1
    has_status s1 exited
    timeout -k 1 30 "$BERTH" kill k1
    has_status k1 exited
    timeout -k 1 30 "$BERTH" rm -f x1
    gone x1
    b rm s1 k1
    daemon_stop # in an orderly way, too
    daemon_start
}

@test "an exec whose child keeps its output open ends; so does a container whose terminal a stopped client holds" {
    sleeper s1
    run timeout -k 1 20 "$BERTH" exec s1 sh -c 'sleep 900 & echo started'
    [ "$status" -eq 0 ]
    [ "$output" = started ]
    id=$(api POST /containers/s1/exec '{"Cmd":["sh","-c","sleep 900 & exit 3"],"AttachStdout":true}' | head -1 | jq -r .Id)
    timeout -k 1 20 curl -s --unix-socket "$T/berth.sock" -X POST -H 'Content-Type: application/json' -d '{}' "http://x/exec/$id/start" >/dev/null
    [ "$(api GET "/exec/$id/json" | head -1 | jq -r '"\(.Running) \(.ExitCode)"')" = "false 3" ]
    timeout -k 1 20 "$BERTH" stop -t 0 s1
}

@test "two stops at once, with a kill and an rm -f in between: one end, and every answer" {
    for round in 1 2 3 4 5 6 7 8; do
        sleeper "two$round"
        pids=
        for verb in "stop -t 0" "stop -t 1" kill "stop -t 0" "rm -f"; do
            client "$T/out.$round" timeout -k 1 40 "$BERTH" $verb "two$round"
            pids+=" $client"
        done
        for p in $pids; do
            code=0
            wait "$p" || code=$?
            [ $code -le 1 ] # never 124: time is up
        done
        gone "two$round"
        dies=$(b events --since 1 --until "$(date +%s)" --filter "container=two$round" --filter event=die --format '{{.Action}}' | wc -l)
        [ "$dies" -le 1 ]
    done
}

@test "waits that are registered as the container ends are all answered, with the code" {
    for round in $(seq 12); do
        b create --network none --name "w$round" busybox sh -c 'exit 7' >/dev/null
        client "$T/w1.$round" timeout -k 1 20 "$BERTH" start "w$round"
        pids=
        for i in 1 2 3 4; do
            client "$T/wait.$i" timeout -k 1 20 curl -s --unix-socket "$T/berth.sock" -X POST "http://x/containers/w$round/wait?condition=next-exit"
            pids+=" $client"
        done
        # next-exit may come too late for this end; not-running is always answered.
        eventually 10 has_status "w$round" exited
        [ "$(timeout -k 1 10 "$BERTH" wait "w$round")" = 7 ]
        b rm "w$round" >/dev/null
        for p in $pids; do wait "$p"; done
    done
}

@test "whoever hears from kill that a container does not run does not find it running" {
    PYTHONPATH=$LIB timeout -k 1 60 python3 - "$T/berth.sock" <<'P'
import sys
from api import Api

api = Api(sys.argv[1], 20)
for n in range(12):
    body = {"Image": "busybox", "Cmd": ["sleep", f"0.{n:02d}"], "HostConfig": {"NetworkMode": "none"}}
    path = "/containers/" + api.call("POST", "/containers/create", body)[1]["Id"]
    api.call("POST", f"{path}/start")
    while (status := api.call("POST", f"{path}/kill?signal=WINCH")[0]) == 204:
        pass
    state = api.call("GET", f"{path}/json")[1]["State"]
    assert (status, state["Running"], state["ExitCode"]) == (409, False, 0), (status, state)
P
}

@test "attach that races the start sees everything or nothing, and ends" {
    for round in $(seq 12); do
        b create --network none --name "y$round" busybox sh -c 'echo one; echo two' >/dev/null
        client "$T/a.$round" timeout -k 1 20 "$BERTH" start "y$round"
        starter=$client
        code=0
        timeout -k 1 20 "$BERTH" attach "y$round" >"$T/attached" 2>&1 </dev/null || code=$?
        [ $code -lt 124 ]
        wait $starter
        eventually 10 has_status "y$round" exited
        [ "$(b logs "y$round")" = $'one\ntwo' ]
        b rm "y$round" >/dev/null
    done
    # One that was there before the start misses nothing.
    for round in $(seq 12); do
        [ "$(timeout -k 1 20 "$BERTH" run --rm --network none busybox sh -c 'echo one; echo two')" = $'one\ntwo' ]
    done
}

@test "exec that starts as the container ends: an answer, and nothing that runs for ever" {
    for round in $(seq 10); do
        b run -d --network none --name "q$round" busybox sleep 1000 >/dev/null
        pids= from=$SECONDS
        for i in 1 2 3 4 5 6; do
            client "$T/e.$i" timeout -k 1 40 "$BERTH" exec "q$round" sh -c 'echo in; sleep 0.01'
            pids+=" $client"
        done
        kill -KILL "$(init_pid "q$round")"
        for p in $pids; do
            code=0
            wait "$p" || code=$?
            [ $code -ne 124 ]
        done
        [ $((SECONDS - from)) -lt 40 ] # nobody's time was up
        eventually 5 has_status "q$round" exited
        [ "$(field "q$round" '{{.ExecIDs}}')" = "[]" ] || [ "$(field "q$round" '{{.ExecIDs}}')" = "<no value>" ]
        b rm "q$round" >/dev/null
    done
}

@test "a container that dies during its start: words, nothing left, and it starts again" {
    grep -q BERTH_FAILPOINTS "$BERTHD" || skip "built without -Dfailpoints=true"
    for victim in init shim; do
        daemon_stop
        BERTH_FAILPOINTS=start.preparing=stop daemon_start
        b create --name u1 -p 18083:80 busybox sleep 1000
        client "$T/u1" timeout -k 1 40 "$BERTH" start u1
        daemon=$(cat "$T/berthd.pid")
        eventually 5 sh -c "grep -q '^State:.T' /proc/$daemon/status"
        eventually 10 sh -c 'jq -e ".phase == \"prepared\"" "$0"/run/c/*/state' "$T" # the shim goes on beside the daemon
        shim=$(jq .shim_pid "$T"/run/c/*/state)
        pid=$(jq .init_pid "$T"/run/c/*/state)
        [ $victim = shim ] || kill -KILL "$pid"
        [ $victim = init ] || kill -KILL "$shim"
        # Reaped: a shim that is told to go before it knows of the end counts the process as started.
        [ $victim = shim ] || eventually 10 sh -c '! kill -0 "$0"' "$pid"
        kill -CONT "$daemon"
        code=0
        wait "$client" || code=$?
        [[ $code -ne 0 && $code -lt 124 ]]
        [ -s "$T/u1" ]
        has_status u1 created
        ended "$pid"
        ended "$shim"
        [ -z "$(ls "$T/run/c")" ]
        daemon_stop
        daemon_start
        b start u1
        b rm -f u1
    done
}

@test "a start whose end is wanted when its program runs already is undone at once" {
    grep -q BERTH_FAILPOINTS "$BERTHD" || skip "built without -Dfailpoints=true"
    b create --network none --name late busybox sleep 1000
    daemon_stop
    BERTH_FAILPOINTS=start.gone=EIO daemon_start
    least=9999
    for _ in 1 2 3; do
        from=$(date +%s%N)
        refute b start late 2>/dev/null
        took=$((($(date +%s%N) - from) / 1000000))
        [ $took -ge $least ] || least=$took
        has_status late created
        [ -z "$(ls "$T/run/c")" ]
    done
    echo "$least ms"
    [ $least -lt 1500 ]
    daemon_stop
}

@test "rm -f during a start ends it, or comes after it" {
    for round in $(seq 10); do
        b create --network none --name "r$round" busybox sleep 1000 >/dev/null
        client "$T/r" timeout -k 1 40 "$BERTH" start "r$round"
        starter=$client
        timeout -k 1 40 "$BERTH" rm -f "r$round" >/dev/null
        code=0
        wait $starter || code=$?
        [ $code -lt 124 ]
        gone "r$round"
    done
    [ -z "$(ls "$T/run/c")" ]
}

@test "a file system that never answers: starts that hang hold up nobody, rm -f ends one, the daemon comes up beside it" {
    dead_mount "$T/dead"
    for x in 1 2 3 4 5; do
        client "$T/start.$x" "$BERTH" run -d --network none --name "h$x" -v "$T/dead:/dead" busybox sleep 1000
    done
    eventually 10 waits_in_kernel "$T/dead"
    usable
    timeout -k 1 60 "$BERTH" rm -f h1
    gone h1
    daemon_kill
    daemon_start
    usable
    kill -KILL "$fuse" # the server is back: the kernel lets go
    for x in 2 3 4 5; do eventually 30 has_status h$x created; done
}

@test "a process that the kernel does not let go: stop, kill and rm -f say why, and it ends when it can" {
    dead_mount "$T/dead2" root
    b run -d --network none --name u1 -v "$T/dead2:/dead" busybox cat /dead/file
    eventually 10 waits_in_kernel "$T/dead2"
    pid=$(init_pid u1)
    run timeout -k 1 40 "$BERTH" stop -t 1 u1
    [ "$status" -eq 1 ]
    [[ $output == *"$pid waits in the kernel"* ]]
    run timeout -k 1 40 "$BERTH" rm -f u1
    [ "$status" -eq 1 ]
    [[ $output == *"$pid waits in the kernel"* ]]
    has_status u1 running
    usable
    daemon_kill
    daemon_start
    has_status u1 running
    usable
    kill -KILL "$fuse"
    eventually 10 has_status u1 exited
    [ "$(field u1 '{{.State.ExitCode}}')" = 137 ]
    b rm u1
}

@test "a log server that takes nothing any more: the container writes on, stops and is removed in time" {
    cat >"$T/deaf.py" <<'PY'
import socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", 5514))
s.listen(1)
open(sys.argv[1], "w").close()
c = s.accept()
time.sleep(10000)
PY
    inworld python3 "$T/deaf.py" "$T/deaf.ready" 3>&- 4>&- &
    helpers+=" $!"
    eventually 5 test -e "$T/deaf.ready"
    b run -d --network none --name l1 --log-driver "${DP}syslog" --log-opt syslog-address=tcp://127.0.0.1:5514 \
        --log-opt mode=non-blocking busybox sh -c 'trap "exit 5" TERM; while :; do echo some words to fill a socket with; done'
    sleep 1
    usable
    timeout -k 1 20 "$BERTH" stop -t 5 l1
    has_status l1 exited
    timeout -k 1 20 "$BERTH" rm l1
}

@test "--rm with logs -f to the end: every line, and the follower ends" {
    for round in $(seq 10); do
        b run -d --rm --network none --name "x$round" busybox sh -c 'sleep 0.3; i=0; while [ $i -lt 50 ]; do echo line $i; i=$((i+1)); done' >/dev/null
        timeout -k 1 20 "$BERTH" logs -f "x$round" >"$T/follow"
        for i in $(seq 0 49); do echo "line $i"; done | cmp - "$T/follow"
        eventually 5 gone "x$round"
    done
}

@test "a port is free again after a start that failed" {
    for round in 1 2 3; do
        run -127 b run -d --name p1 -p 18084:80 busybox /no/such/program
        b rm p1
    done
    innet python3 -c "import socket; socket.socket().bind(('0.0.0.0', 18084))"
    b run -d --name p2 -p 18084:80 busybox httpd -f -h /var/www
    run b run -d --name p3 -p 18085:80 -p 18084:80 busybox sleep 1000
    [ "$status" -ne 0 ]
    innet python3 -c "import socket; socket.socket().bind(('0.0.0.0', 18085))"
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18084/) == *"hello from berth"* ]]
}
