#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What logs suffer from elsewhere: a daemon that is away, full disks, lost last lines, torn files, rotation under a follower.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

exited() { [ "$(field "$1" '{{.State.Status}}')" = exited ]; }
log_dir() { echo "$T/data/containers/$1"; }

@test "100 MB written while the daemon is away: nothing blocks, no line is lost" {
    id=$(b run -d -v "$T/gate:/gate" --network none --log-opt max-size=-1 busybox sh -c '
        until [ -e /gate/go ]; do sleep 0.05; done
        awk "BEGIN { for (i = 0; i < 1000000; i++) printf \"%099d\n\", i }"; exit 7')
    daemon_kill
    touch "$T/gate/go"
    eventually 120 test -e "$T/run/c/${id:0:16}/exit"
    daemon_start
    eventually 20 exited "$id"
    [ "$(field "$id" '{{.State.ExitCode}}')" = 7 ]
    b logs "$id" | md5sum >"$T/got"
    busybox awk 'BEGIN { for (i = 0; i < 1000000; i++) printf "%099d\n", i }' | md5sum | cmp - "$T/got"
}

@test "yes without any option stays under three files of 10 MB" {
    id=$(b run -d --network none busybox yes)
    for _ in 1 2 3; do
        before=$(stat -c %i "$(log_dir "$id")/$id-json.log.2" 2>/dev/null || echo none)
        eventually 60 sh -c "i=\$(stat -c %i '$(log_dir "$id")/$id-json.log.2' 2>/dev/null) && [ \"\$i\" != $before ]"
        [ "$(cat "$(log_dir "$id")"/*json.log* 2>/dev/null | wc -c)" -lt $((31 << 20)) ]
    done
    [ "$(ls "$(log_dir "$id")" | grep -c json.log)" -le 4 ] # one of them is being renamed
    b kill "$id"
}

@test "a follower misses and doubles nothing with one file of 1 KB" {
    mkdir -p "$T/gate10"
    id=$(b run -d -v "$T/gate10:/gate" --network none --log-opt max-size=1k --log-opt max-file=1 busybox sh -c '
        echo 0; until [ -e /gate/go ]; do sleep 0.05; done
        i=1; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done')
    timeout 120 "$BERTH" logs -f "$id" >"$T/followed" 3>&- &
    p=$!
    eventually 20 test -s "$T/followed"
    touch "$T/gate10/go"
    wait "$p"
    seq 0 2999 | cmp - "$T/followed"
}

@test "follow goes on in a file that was truncated in place" {
    mkdir -p "$T/gate11"
    id=$(b run -d -v "$T/gate11:/gate" --network none busybox sh -c '
        for i in 1 2 3 4 5 6 7 8; do echo before $i; done; until [ -e /gate/go ]; do sleep 0.05; done; echo after')
    timeout 60 "$BERTH" logs -f "$id" >"$T/followed" 3>&- &
    p=$!
    eventually 20 grep -q 'before 8' "$T/followed"
    truncate -s 0 "$(log_dir "$id")/$id-json.log"
    touch "$T/gate11/go"
    wait "$p"
    [ "$(tail -n 1 "$T/followed")" = after ]
}

@test "torn lines and NUL bytes are passed over, and that is said" {
    id=$(b run -d --network none busybox sh -c 'echo one; echo two')
    eventually 20 exited "$id"
    printf '{"log":"torn' >>"$(log_dir "$id")/$id-json.log"
    b start "$id"
    eventually 20 sh -c "[ \$(grep -c two '$(log_dir "$id")/$id-json.log') = 2 ]"
    eventually 20 exited "$id"
    head -c 4096 /dev/zero >>"$(log_dir "$id")/$id-json.log"
    b start "$id"
    eventually 20 sh -c "[ \$(grep -ac two '$(log_dir "$id")/$id-json.log') = 3 ]"
    eventually 20 exited "$id"
    [ "$(timeout 20 "$BERTH" logs "$id")" = $'one\ntwo\none\ntwo\none\ntwo' ]
    grep -q "$id.*2 lines of together.*torn" "$T/berthd.log"
    [ "$(timeout 20 "$BERTH" logs -f --tail 2 "$id")" = $'one\ntwo' ]
}

@test "the last line without a newline is never lost: logs, attach, --rm" {
    for i in $(seq 20); do
        id=$(b run -d --network none busybox printf x)
        [ "$(b wait "$id")" = 0 ]
        [ "$(b logs "$id")" = x ]
        [ "$(b run --network none busybox printf x)" = x ]
        [ "$(b run --rm --network none busybox printf x)" = x ]
        [ "$(timeout 20 "$BERTH" logs -f "$id")" = x ]
    done
}

@test "compressed files are read as plain ones are, followed and by tail" {
    id=$(b run -d --network none --log-opt max-size=2k --log-opt max-file=50 --log-opt compress=true busybox sh -c 'i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done')
    eventually 20 exited "$id"
    ls "$(log_dir "$id")" | grep -q 'json.log.2.gz$'
    b logs "$id" >"$T/lines"
    seq 0 499 | cmp - "$T/lines"
    [ "$(b logs --tail 100 "$id" | head -n 1)" = 400 ]
}

@test "mode non-blocking: the container never waits for its log" {
    mkdir -p "$T/deaf"
    python3 - "$T/deaf/sock" >/dev/null 2>&1 3>&- <<'P' &
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(sys.argv[1])
s.listen(8)
time.sleep(600)
P
    p=$!
    eventually 20 test -S "$T/deaf/sock"
    id=$(b run -d --network none --log-driver "${DP}syslog" --log-opt "syslog-address=unix://$T/deaf/sock" --log-opt syslog-timeout=1m \
        --log-opt mode=non-blocking --log-opt max-buffer-size=64k busybox sh -c 'yes 0123456789 | head -n 2000000; exit 3')
    eventually 50 exited "$id" # in blocking mode the minute's wait comes first
    [ "$(field "$id" '{{.State.ExitCode}}')" = 3 ]
    kill "$p"
}
