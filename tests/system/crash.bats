#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# berthd and its helpers may die at any moment.
load ../lib/berth

setup() {
    world_up
    daemon_start
    import_busybox
}
teardown() { world_down; }

# bats test_tags=vm
@test "kill -9 of berthd: same pids, ports answer, everything known again" {
    id=$(b run -d --name web -p 18080:80 busybox httpd -f -h /var/www)
    pid=$(init_pid web)
    daemon_kill
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    kill -0 "$pid"
    daemon_start
    [ "$(init_pid web)" = "$pid" ]
    [ "$(field web '{{.State.Running}}')" = true ]
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    run b exec web echo again
    [ "$output" = again ]
    b stop -t 0 web
    b rm web
    [ "$(innet ip -o link show master berth0 | wc -l)" -eq 0 ]
}

@test "an orderly stop of berthd leaves containers running, too" {
    b run -d --name slow --network none busybox sleep 1000
    pid=$(init_pid slow)
    daemon_stop
    kill -0 "$pid"
    daemon_start
    [ "$(init_pid slow)" = "$pid" ]
}

# bats test_tags=vm
@test "a shim that is killed takes its container with it: exit code 137, and words" {
    b run -d --name slow busybox sleep 1000
    pid=$(init_pid slow)
    shim=$(awk '/^PPid/ { print $2 }' /proc/$pid/status)
    [[ $(tr '\0' ' ' </proc/$shim/cmdline) == berth-shim* ]]
    kill -KILL "$shim"
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' slow) = exited ]"
    [ "$(field slow '{{.State.ExitCode}}')" = 137 ]
    [[ $(field slow '{{.State.Error}}') == *shim* ]]
    ended "$pid"
    [ "$(innet ip -o link show master berth0 | wc -l)" -eq 0 ]
    b start slow
    [ "$(field slow '{{.State.Running}}')" = true ]
}

@test "a shim that is killed while berthd is dead is explained at start" {
    b run -d --name slow busybox sleep 1000
    pid=$(init_pid slow)
    shim=$(awk '/^PPid/ { print $2 }' /proc/$pid/status)
    daemon_kill
    kill -KILL "$shim"
    daemon_start
    [ "$(field slow '{{.State.Status}}')" = exited ]
    [ "$(field slow '{{.State.ExitCode}}')" = 137 ]
    [[ $(field slow '{{.State.Error}}') == *shim* ]]
    eventually 5 ended "$pid"
}

@test "--rm that ended while berthd was dead is removed at start" {
    id=$(b run -d --rm --network none busybox sleep 1)
    daemon_kill
    eventually 10 test -e "$T/run/c/${id:0:16}/exit"
    daemon_start
    eventually 5 sh -c "[ -z \"\$($BERTH ps -aq)\" ]"
    [ ! -e "$T/data/containers/$id" ]
}

@test "a second berthd on the same data_root is refused, with the owner's pid" {
    run inworld "$BERTHD" --config "$T/daemon.conf" --set "run_root=$T/run2" --set "listen=[\"unix://$T/two.sock\"]"
    [ "$status" -ne 0 ]
    [[ $output == *"$(cat "$T/berthd.pid")"* ]]
}

@test "a database that is missing beside data, or corrupt, is refused and --recover is named" {
    daemon_stop
    mv "$T/data/berth.db" "$T/kept.db"
    rm -f "$T/data/berth.db-wal" "$T/data/berth.db-shm"
    run inworld "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *"--recover"* ]]
    head -c 8192 /dev/urandom >"$T/data/berth.db"
    run inworld "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *"--recover"* ]]
    mv "$T/kept.db" "$T/data/berth.db"
    daemon_start
    run b images --format '{{.Repository}}'
    [ "$output" = busybox ]
}

# What is there apart from the daemon's own descriptors, which a new daemon has others of.
census() { kernel_census | grep -v '^fds '; }
same_as() { [ "$(census)" = "$1" ]; }
has_failpoints() { grep -q BERTH_FAILPOINTS "$BERTHD" || skip "built without -Dfailpoints=true"; }
# A daemon that has no container, and was warmed up.
baseline() {
    b run --rm -p 80 busybox true
    daemon_stop
    daemon_start
    before=$(census)
}
crash_at() { # crash_at POINT COMMAND...: the daemon dies there, a new one repairs
    local p
    daemon_stop
    BERTH_FAILPOINTS=$1=crash daemon_start
    p=$(cat "$T/berthd.pid")
    refute "${@:2}" 2>/dev/null
    daemon_gone "$p"
    daemon_start
}
unchanged() { eventually 5 same_as "$before" || diff <(echo "$before") <(census); }

@test "killed in the middle of create: nothing of the container is left" {
    has_failpoints
    baseline
    for point in create.row create.layer; do
        crash_at $point b create --name half -v /anon -p 80 busybox true
        [ -z "$(b ps -aq)" ]
        unchanged
        grep -q 'only half made' "$T/berthd.log"
    done
}

@test "killed in the middle of start: the container is as it was created, and starts" {
    has_failpoints
    baseline
    for point in attach.made start.connected start.preparing start.gone; do
        b create --name half -p 18081:80 busybox httpd -f -h /var/www
        crash_at $point b start half
        [ "$(field half '{{.State.Status}}')" = created ]
        [ "$(innet ip -o link show master berth0 | wc -l)" -eq 0 ]
        refute innet curl -s --max-time 2 http://127.0.0.1:18081/
        b start half
        [[ $(innet curl -s --max-time 2 http://127.0.0.1:18081/) == *"hello from berth"* ]]
        b rm -f half
        unchanged
    done
}

# bats test_tags=vm
@test "killed in the middle of an exit and of a removal: both are finished at start" {
    has_failpoints
    baseline
    crash_at exit.given-back b run --name ended -p 80 busybox sh -c 'exit 7'
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' ended) = exited ]"
    [ "$(field ended '{{.State.ExitCode}}')" = 7 ]
    crash_at remove.marked b rm ended
    eventually 5 sh -c "[ -z \"\$($BERTH ps -aq)\" ]"
    unchanged
}

@test "a step that fails takes back the earlier ones, with its words" {
    has_failpoints
    baseline
    for point in create.row create.layer attach.made start.connected start.preparing start.gone; do
        daemon_stop
        BERTH_FAILPOINTS=$point=ENOSPC daemon_start
        run b run --rm --name half -v /anon -p 80 busybox sleep 100
        [ "$status" -eq 125 ]
        [ -z "$(b ps -aq)" ]
        unchanged
    done
}

@test "killed in the middle of an import: no half of an image" {
    has_failpoints
    for point in blob.written layer.row layer.made; do
        daemon_stop
        BERTH_FAILPOINTS=$point=crash daemon_start
        p=$(cat "$T/berthd.pid")
        echo $point >"$T/file"
        refute sh -c 'tar -C "$0" -c file | "$1" import - "half:$2"' "$T" "$BERTH" $point 2>/dev/null
        daemon_gone "$p"
        daemon_start
        [ "$(b images -q | wc -l)" -eq 1 ]
        [ -z "$(ls -A "$T/data/tmp")" ]
        tar -C "$T" -c file | b import - "whole:$point"
        b rmi "whole:$point"
    done
}

@test "--recover: images come back, containers are known again, living ones live on" {
    id=$(b run -d --name web -p 18080:80 -v named:/data busybox httpd -f -h /var/www)
    pid=$(init_pid web)
    image=$(b images -q --no-trunc)
    b run --name ended busybox sh -c 'echo words; exit 3' || :
    daemon_stop
    rm -f "$T"/data/berth.db*
    run inworld "$BERTHD" --config "$T/daemon.conf" --recover
    [ "$status" -eq 0 ]
    daemon_start
    [ "$(b images -q --no-trunc)" = "$image" ]
    [ "$(init_pid web)" = "$pid" ]
    [ "$(field web '{{.State.Running}}')" = true ]
    [ "$(field ended '{{.State.ExitCode}}')" = 3 ]
    [ "$(b logs ended)" = words ]
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    [ "$(b exec web echo in)" = in ]
    run b start -a ended
    [ "$status" -eq 3 ]
    run api DELETE /v1.51/volumes/named
    [[ $output == *"in use"* ]]
    b rm -f web ended
    [ "$(innet ip -o link show master berth0 | wc -l)" -eq 0 ]
    b tag "$image" busybox
    [ "$(b run --rm busybox echo new)" = new ]
}

@test "--recover without a container's record: it is named, and lives" {
    id=$(b run -d --name web --network none busybox sleep 1000)
    pid=$(init_pid web)
    daemon_stop
    rm -f "$T"/data/berth.db* "$T/data/containers/$id/plan.json"
    run inworld "$BERTHD" --config "$T/daemon.conf" --recover
    [ "$status" -eq 0 ]
    daemon_start
    grep -q "container $id has no row" "$T/berthd.log"
    kill -0 "$pid"
    daemon_stop
    kill -0 "$pid"
    [ -d "$T/data/containers/$id" ]
}

# bats test_tags=vm
@test "netd is killed, alone and together with berthd: ports stay reserved and answer" {
    b run -d --name web -p 18080:80 busybox httpd -f -h /var/www
    netd=$(pgrep -f "berth-netd $T/run")
    kill -KILL "$netd"
    another() { [ "$(pgrep -f "berth-netd $T/run")" != "$netd" ] && pgrep -f "berth-netd $T/run" >/dev/null; }
    reserved() { refute innet python3 -c "import socket; s = socket.socket(); s.bind(('0.0.0.0', 18080))" 2>/dev/null; }
    eventually 5 another
    eventually 5 reserved
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    daemon_kill
    netd=$(pgrep -f "berth-netd $T/run")
    kill -KILL "$netd"
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    daemon_start
    eventually 5 reserved
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    b rm -f web
    refute reserved
}

# bats test_tags=vm
@test "berthd, shim and netd are killed at once: all is explained, and nothing is left" {
    b run -d --name slow -p 18080:80 busybox sleep 1000
    pid=$(init_pid slow)
    shim=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
    kill -KILL "$(cat "$T/berthd.pid")" "$shim" "$(pgrep -f "berth-netd $T/run")"
    daemon_start
    [ "$(field slow '{{.State.Status}} {{.State.ExitCode}}')" = "exited 137" ]
    ended "$pid"
    b rm slow
    daemon_stop
    [ "$(innet ip -o link | wc -l)" = 1 ]
    [ -z "$(innet nft list tables)" ]
    [ -z "$(inworld find /sys/fs/cgroup -name 'berth-????????')" ]
    refute pgrep -f "$T/run"
}
