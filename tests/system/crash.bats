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

@test "a shim that is killed takes its container with it: exit code 137, and words" {
    b run -d --name slow busybox sleep 1000
    pid=$(init_pid slow)
    shim=$(awk '/^PPid/ { print $2 }' /proc/$pid/status)
    [[ $(tr '\0' ' ' </proc/$shim/cmdline) == berth-shim* ]]
    kill -KILL "$shim"
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' slow) = exited ]"
    [ "$(field slow '{{.State.ExitCode}}')" = 137 ]
    [[ $(field slow '{{.State.Error}}') == *shim* ]]
    ! kill -0 "$pid" 2>/dev/null
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
    eventually 5 sh -c "! kill -0 $pid 2>/dev/null"
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
