#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Logs: Docker's format on disk, every line once, whatever dies meanwhile.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

@test "LogPath names Docker's file in Docker's format" {
    id=$(b run -d --network none busybox sh -c 'echo "a <b> & \"c\""; printf "no newline" >&2')
    b wait "$id" 2>/dev/null || eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' $id) = exited ]"
    path=$(field "$id" '{{.LogPath}}')
    [ "$path" = "$T/data/containers/$id/$id-json.log" ]
    [ "$(wc -l <"$path")" -eq 2 ]
    grep -qE '^\{"log":"a \\u003cb\\u003e \\u0026 \\"c\\"\\n","stream":"stdout","time":"[0-9-]+T[0-9:]+(\.[0-9]+)?Z"\}$' "$path"
    jq -e 'select(.log == "no newline" and .stream == "stderr")' "$path" >/dev/null
}

@test "logs: both streams, tail, since, timestamps" {
    id=$(b run -d --network none busybox sh -c 'for i in 1 2 3 4 5; do echo $i; done; echo e >&2')
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' $id) = exited ]"
    [ "$(b logs "$id" 2>/dev/null)" = $'1\n2\n3\n4\n5' ]
    [ "$(b logs "$id" 2>&1 >/dev/null)" = e ]
    [ "$(b logs --tail 2 "$id" 2>&1)" = $'5\ne' ]
    [[ $(b logs -t --tail 1 "$id" 2>&1) =~ ^[0-9-]+T[0-9:.]+Z\ e$ ]]
    [ -z "$(b logs --since 2100-01-01 "$id" 2>&1)" ]
}

@test "logs -t shows the time of each line, with nine digits" {
    id=$(b run -d --network none busybox sh -c 'i=0; while [ $i -lt 200 ]; do echo $i; i=$((i+1)); [ $((i % 50)) -gt 0 ] || sleep 0.4; done')
    eventually 20 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' $id) = exited ]"
    python3 - "$T/data/containers/$id/$id-json.log" >"$T/times" <<'P'
import json, sys
for line in open(sys.argv[1]):
    whole, _, rest = json.loads(line)["time"].rstrip("Z").partition(".")
    print(whole + "." + rest.ljust(9, "0") + "Z", json.loads(line)["log"], end="")
P
    [ "$(wc -l <"$T/times")" -eq 200 ]
    b logs -t "$id" | diff "$T/times" -
}

@test "follow sees what comes and ends with the container" {
    id=$(b run -d --network none busybox sh -c 'for i in 1 2 3; do echo $i; sleep 0.2; done')
    run timeout 10 "$BERTH" logs -f "$id"
    [ "$status" -eq 0 ]
    [ "$output" = $'1\n2\n3' ]
}

@test "rotation keeps the bound and follow survives it" {
    id=$(b run -d --network none --log-opt max-size=2k --log-opt max-file=2 busybox sh -c 'i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done')
    eventually 10 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' $id) = exited ]"
    [ "$(ls "$T/data/containers/$id" | grep -c json.log)" -eq 2 ]
    [ "$(du -bc "$T/data/containers/$id/"*json.log* | tail -1 | cut -f1)" -lt 8192 ]
    [ "$(b logs --tail 1 "$id")" = "line 299" ]
}

@test "every line once and in order over kill -9 of berthd, and the right exit code" {
    id=$(b run -d --network none busybox sh -c 'i=0; while [ $i -lt 100000 ]; do echo $i; i=$((i+1)); done; exit 23')
    eventually 10 sh -c "[ \$(wc -l <'$T/data/containers/$id/$id-json.log') -gt 2000 ]"
    daemon_kill
    eventually 60 sh -c "[ \$(cat '$T/data/containers/$id/'*json.log* | wc -l) -gt 20000 ]"
    daemon_start
    eventually 60 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' $id) = exited ]"
    [ "$(field "$id" '{{.State.ExitCode}}')" = 23 ]
    b logs "$id" >"$T/lines"
    seq 0 99999 | cmp - "$T/lines"
}

@test "a container that ended while berthd was dead has its exit code and its last line" {
    id=$(b run -d --network none busybox sh -c 'sleep 1; echo bye; exit 11')
    daemon_kill
    eventually 10 grep -q bye "$T/data/containers/$id/$id-json.log"
    eventually 10 test -e "$T/run/c/${id:0:16}/exit"
    daemon_start
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.ExitCode}}' $id) = 11 ]"
    [ "$(b logs "$id")" = bye ]
}

@test "syslog carries lines, and logs still works from the local cache" {
    cat >"$T/syslogd.py" <<'P'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
open(sys.argv[2] + ".ready", "w").close()
with open(sys.argv[2], "ab", buffering=0) as f:
    while True:
        f.write(s.recv(65536) + b"\n")
P
    python3 "$T/syslogd.py" "$T/devlog" "$T/syslog.txt" 3>&- 4>&- &
    p=$!
    eventually 5 test -e "$T/syslog.txt.ready"
    id=$(b run -d --network none --log-driver "${DP}syslog" --log-opt "syslog-address=unixgram://$T/devlog" \
        --log-opt syslog-format=rfc5424 --log-opt tag=mytag busybox sh -c 'echo to syslog; echo bad >&2')
    eventually 5 grep -q 'mytag.*to syslog' "$T/syslog.txt"
    eventually 5 grep -q '<27>.*bad' "$T/syslog.txt"
    [ "$(b logs "$id" 2>/dev/null)" = "to syslog" ]
    kill "$p"
}

@test "a log driver or option that does not exist is refused by name" {
    run b run --rm --network none --log-driver nosuch busybox true
    [ "$status" -eq 125 ]
    [[ $output == *nosuch* ]]
    run b run --rm --network none --log-opt max-sise=1m busybox true
    [ "$status" -eq 125 ]
    [[ $output == *max-sise* ]]
    [[ $output == *max-size* ]]
}
