#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Statistics: against the kernel's own numbers, over a container's life, and for many readers.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() {
    local ids
    [ ! -e "$T/stream.pid" ] || kill "$(cat "$T/stream.pid")" 2>/dev/null || :
    rm -f "$T/stream.pid"
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids >/dev/null
}

one() { curl -s --unix-socket "$T/berth.sock" "http://x/containers/$1/stats?stream=false&one-shot=${2:-1}"; }
# stream CONTAINER: lines into $T/stream, in the background.
stream() {
    curl -sN --unix-socket "$T/berth.sock" "http://x/containers/$1/stats" >"$T/stream" 3>&- &
    echo $! >"$T/stream.pid"
}
lines_are_at_least() { [ "$(wc -l <"$T/stream")" -ge "$1" ]; }
stream_is_over() { ended "$(cat "$T/stream.pid")"; }
last() { tail -n 1 "$T/stream" | jq -r "$1"; }
# group CONTAINER CONTROLLER
group() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        echo "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(init_pid "$1")/cgroup")"
    else
        awk -F: -v c="$2" '$2 == c { print "/sys/fs/cgroup/" c $3 }' "/proc/$(init_pid "$1")/cgroup"
    fi
}
v2() { [ -e /sys/fs/cgroup/cgroup.controllers ]; }
is_between() { awk -v a="$1" -v lo="$2" -v hi="$3" 'BEGIN { exit !(a >= lo && a <= hi) }' || { echo "$1 is not in $2..$3"; return 1; }; }

# bats test_tags=vm
@test "the numbers are the kernel's" {
    b run -d --name box -m 256m --memory-swap 512m --pids-limit 77 busybox sh -c 'head -c 20000000 /dev/zero >/tmp/f; sync; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; exec sleep 1000' >/dev/null
    eventually 60 sh -c "$BERTH top box -o comm,pid | grep -q '^sleep '"
    p=$(init_pid box)
    b exec box ping -c 2 -W 1 "$(field box '{{.NetworkSettings.Gateway}}')" >/dev/null
    s=$(one box)
    jq -e . <<<"$s" >/dev/null
    at() { jq -r "$1" <<<"$s"; }
    [ "$(at .name)" = /box ] && [ "$(at .id)" = "$(field box '{{.Id}}')" ]
    [ "$(at .pids_stats.current)" = "$(wc -l <"$(group box pids)/cgroup.procs")" ]
    [ "$(at .pids_stats.limit)" = 77 ]
    [ "$(at .cpu_stats.online_cpus)" = "$(nproc --all)" ] || [ "$(at .cpu_stats.online_cpus)" = "$(grep -c '^cpu[0-9]' /proc/stat)" ]
    if v2; then
        is_between "$(at .cpu_stats.cpu_usage.total_usage)" 1 "$(($(awk '/^usage_usec/ { print $2 }' "$(group box)/cpu.stat") * 1000))"
        [ "$(at .cpu_stats.cpu_usage.percpu_usage)" = null ]
        is_between "$(at .memory_stats.usage)" 1000000 "$(($(cat "$(group box)/memory.current") + 4000000))"
        [ "$(at .memory_stats.stats.file)" -ge 0 ]
    else
        is_between "$(at .cpu_stats.cpu_usage.total_usage)" 1 "$(cat "$(group box cpuacct)/cpuacct.usage")"
        [ "$(at '.cpu_stats.cpu_usage.percpu_usage | add')" = "$(at .cpu_stats.cpu_usage.total_usage)" ]
        is_between "$(at .memory_stats.usage)" 1000000 "$(($(cat "$(group box memory)/memory.usage_in_bytes") + 4000000))"
        [ "$(at .memory_stats.stats.total_cache)" -ge 0 ]
        [ "$(at .memory_stats.max_usage)" -ge "$(at .memory_stats.usage)" ]
    fi
    is_between "$(at .cpu_stats.cpu_usage.usage_in_usermode)" 0 "$(at .cpu_stats.system_cpu_usage)"
    [ "$(at .memory_stats.limit)" = 268435456 ]
    # The interface's counters, as its own namespace has them.
    now=$(awk '/eth0:/ { sub(/.*eth0:/, ""); print $1, $2, $9, $10 }' "/proc/$p/net/dev")
    read -r rx rxp tx txp <<<"$now"
    is_between "$(at .networks.eth0.rx_bytes)" 1 "$rx"
    is_between "$(at .networks.eth0.rx_packets)" 1 "$rxp"
    is_between "$(at .networks.eth0.tx_bytes)" 1 "$tx"
    is_between "$(at .networks.eth0.tx_packets)" 1 "$txp"
    [ "$(at '.networks | keys | join(" ")')" = eth0 ]
    [ "$(at .preread)" = 0001-01-01T00:00:00Z ]
    [ "$(at .precpu_stats.cpu_usage.total_usage)" = 0 ]
}

# bats test_tags=vm
@test "one answer of two samples tells the rate" {
    b run -d --network none --name busy busybox sh -c 'while :; do :; done' >/dev/null
    b run -d --network none --name idle busybox sleep 1000 >/dev/null
    rate() { jq '(.cpu_stats.cpu_usage.total_usage - .precpu_stats.cpu_usage.total_usage) / (.cpu_stats.system_cpu_usage - .precpu_stats.system_cpu_usage) * .cpu_stats.online_cpus * 100' <<<"$1"; }
    s=$(one busy 0)
    is_between "$(rate "$s")" 15 130
    is_between "$(rate "$(one idle 0)")" 0 10
    [ "$(jq .networks <<<"$s")" = null ]
    # The reads are half a second to some seconds apart.
    is_between "$(jq '(.read[0:19] + "Z" | fromdate) - (.preread[0:19] + "Z" | fromdate)' <<<"$s")" 0 5
}

@test "what does not run has zeros; what is not there is said" {
    b create --name made busybox >/dev/null
    want='{"pids_stats":{},"memory_stats":{},"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","usage":0,"name":"/made","blkio":null}'
    for o in 0 1; do
        [ "$(one made $o | jq -c '{pids_stats, memory_stats, read, preread, usage: .cpu_stats.cpu_usage.total_usage, name, blkio: .blkio_stats.io_service_bytes_recursive}')" = "$want" ]
    done
    [ "$(api_status GET '/containers/none/stats?stream=0')" = 404 ]
    [ "$(api_status GET '/containers/none/stats')" = 404 ]
    [ "$(api GET '/containers/made/stats?one-shot=1' | xargs)" = '{message:cannot have stream=true and one-shot=true} 400' ]
    run b stats --no-stream none
    [ "$status" -eq 1 ]
    [[ $output == *"No such container: none"* ]]
}

@test "a stream goes along with the container: created, running, renamed, ended, restarted, removed" {
    b create --network none --name box busybox sleep 1000 >/dev/null
    stream box
    eventually 5 lines_are_at_least 1
    [ "$(last .pids_stats.current)" = null ]
    b start box
    runs() { [ "$(last .pids_stats.current)" = 1 ]; }
    eventually 5 runs
    b rename box other
    renamed() { [ "$(last .name)" = /other ]; }
    eventually 5 renamed
    b stop -t 0 other
    is_zero() { [ "$(last .pids_stats.current)" = null ]; }
    eventually 5 is_zero
    b start other
    eventually 5 runs
    daemon_fds=$(ls "/proc/$(cat "$T/berthd.pid")/fd" | wc -l)
    b rm -f other
    eventually 5 stream_is_over
    # One line a second, each whole.
    jq -se 'length >= 4' "$T/stream" >/dev/null
    closed() { [ "$(ls "/proc/$(cat "$T/berthd.pid")/fd" | wc -l)" -lt "$daemon_fds" ]; }
    eventually 5 closed
    # Nobody watches: the clock stands still.
    quiet() {
        local was
        was=$(awk '{ print $14 + $15 }' "/proc/$(cat "$T/berthd.pid")/stat")
        sleep 1.5
        [ "$(($(awk '{ print $14 + $15 }' "/proc/$(cat "$T/berthd.pid")/stat") - was))" -le 2 ]
    }
    eventually 10 quiet
}

@test "readers that come and go, and one that does not read, hold up nobody" {
    b run -d --network none --name box busybox sleep 1000 >/dev/null
    stream box
    # A reader that never reads: its socket fills up.
    python3 - "$T/berth.sock" 3>&- <<'P' &
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
s.connect(sys.argv[1])
s.sendall(b"GET /containers/box/stats HTTP/1.1\r\nHost: x\r\n\r\n")
time.sleep(30)
P
    deaf=$!
    for i in 1 2 3 4 5 6 7 8; do timeout 0.3 curl -sN --unix-socket "$T/berth.sock" http://x/containers/box/stats >/dev/null 3>&- || :; done
    n=$(wc -l <"$T/stream")
    eventually 5 lines_are_at_least $((n + 2))
    b kill box
    kill $deaf
    # The daemon ends with readers on it.
    stream box
    eventually 5 lines_are_at_least 1
    daemon_stop
    eventually 5 stream_is_over
    daemon_start
}

@test "the client: a table, a template, json, a terminal, all containers" {
    b run -d --network none --name one busybox sleep 1000 >/dev/null
    b create --name two busybox >/dev/null
    run b stats --no-stream
    [[ ${lines[0]} == "CONTAINER ID   NAME "*"CPU % "*"MEM USAGE / LIMIT "*"MEM % "*"NET I/O "*"BLOCK I/O "*"PIDS" ]]
    [ "${#lines[@]}" -eq 2 ]
    [[ ${lines[1]} =~ ^[0-9a-f]{12}\ +one\ +[0-9.]+%\ +[0-9.]+[KM]iB\ /\ [0-9.]+GiB\ +[0-9.]+%\ +0B\ /\ 0B\ +[0-9.a-zA-Z]+\ /\ [0-9.a-zA-Z]+\ +1$ ]]
    [ "$(b stats --no-stream -a --format '{{.Name}} {{.PIDs}}' | sort | xargs)" = "one 1 two 0" ]
    [ "$(b stats --no-stream --no-trunc --format '{{.ID}} {{.Container}}' one)" = "$(field one '{{.Id}}') one" ]
    [ "$(b stats --no-stream --format json two | jq -r '.CPUPerc + .MemUsage + .NetIO + .BlockIO + .MemPerc')" = "0.00%0B / 0B0B / 0B0B / 0B0.00%" ]
    refute b stats --no-stream --format '{{.Bogus}}' one
    # Containers come and go on a live view.
    b stats --format '{{.Name}} {{.PIDs}}' >"$T/live" 3>&- &
    echo $! >"$T/stream.pid"
    shown() { tail -n 5 "$T/live" | grep -qx "$1"; }
    eventually 10 shown 'one 1'
    b run -d --network none --name three busybox sleep 1000 >/dev/null
    eventually 10 shown 'three 1'
    b kill one
    gone() { tail -n 1 "$T/live" | grep -qx 'three 1' && ! tail -n 2 "$T/live" | grep -q one; }
    eventually 10 gone
    # A view of a named container ends with it.
    timeout 20 "$BERTH" stats --format '{{.Name}}' three >"$T/view" 3>&- &
    view=$!
    eventually 10 grep -q three "$T/view"
    b rm -f three
    wait $view
    # On a terminal the screen is drawn anew.
    [[ $(timeout 3 script -qec "$BERTH stats" /dev/null | cat -v) == *'^[[H^[[J'* ]] || command -v script >/dev/null || skip "no script(1)"
}
