#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tests/system/unkillable.bats in full numbers.
bats_require_minimum_version 1.5.0
load ../lib/berth
load ../lib/bugs

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() {
    kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids
}

@test "500 execs while init is killed, seven times" {
    execs_while_init_dies 500 7
}

@test "500 execs while the kernel kills for want of memory" {
    execs_while_memory_lacks 500
}

@test "an init that is killed with 500 execs in it while the daemon is away" {
    execs_while_daemon_is_away 250
}

@test "200 runs with --rm beside a mount namespace that somebody has copied, and a container that sees all of the host" {
    removals_beside_copied_mounts 200
}

@test "10,000 times create, attach, start, wait(removed)" {
    timeout -k 1 800 python3 "$LIB/churn.py" "$T/berth.sock" 10000
}
