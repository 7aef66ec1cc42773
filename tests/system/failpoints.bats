#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every failpoint once: the daemon dies there, and it fails there. tests/long/failpoints-*.bats have each with each verb and errno.
load ../lib/berth
load ../lib/faults
load ../lib/fault-verbs

setup_file() {
    faults_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
setup() { baseline; }

each() { # each VERB...: those failpoints that no verb before has passed
    local v
    for v in "$@"; do crash_everywhere "$v" first; done
    for v in "$@"; do fail_everywhere "$v" first; done
}

@test "create" { each create; }
@test "start" { each start; }
@test "the end of a container, with and without --rm" { each exit autoremove; }
@test "stop, kill, restart" { each stop kill restart; }
@test "pause, unpause" { each pause unpause; }
@test "rename, update" { each rename update; }
@test "rm" { each rm rm_force; }
@test "exec" { each exec; }
@test "health" { each health; }
@test "import, load, tag, rmi, image prune" { each import load tag untag rmi image_prune; }
@test "commit, cp, export" { each commit cp export; }
@test "reload" { each reload; }
@test "volume create, rm, prune" { each volume_create volume_rm volume_prune; }

@test "start-up with containers that live, and that ended meanwhile" {
    start_everywhere startup first
}

@test "the first start of all" {
    b rmi -f busybox
    daemon_stop
    rm -rf "$T/data" "$T/run"
    start_everywhere fresh first
    import_busybox
}

@test "netd dies, or fails, when it writes down what it holds" {
    for p in netd.save netd.saved; do
        for a in crash ENOSPC; do
            arm $p=$a
            run b run --name box -p 18081:80 busybox true
            disarm
            [ "$status" -eq 0 ] || [ -n "$output" ]
            b rm -f box 2>/dev/null || :
            eventually 10 clean
            [ "$(b run --rm -p 18081:80 busybox echo out)" = out ]
            unchanged
            echo "netd $p" >>"$T/passed"
        done
    done
}

@test "--recover dies after it has moved the database aside" {
    daemon_stop
    arm recover.aside=crash
    run inworld "$BERTHD" --config "$T/daemon.conf" --recover
    disarm
    [ "$status" -ne 0 ]
    run inworld "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *--recover* ]]
    run inworld "$BERTHD" --config "$T/daemon.conf" --recover
    [ "$status" -eq 0 ]
    daemon_start
    [ "$(b images -q | wc -l)" -eq 1 ]
    b tag "$(b images -q)" busybox
    clean
    echo "recover recover.aside" >>"$T/passed"
}

@test "no failpoint is without a case" {
    [ -n "$(failpoint_names)" ]
    run comm -23 <(failpoint_names) <(cut -d' ' -f2 "$T/passed" | sort -u)
    echo "$output"
    [ -z "$output" ]
}
