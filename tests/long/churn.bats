#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Long variants of tests/system/unkillable.bats.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }

@test "32 clients, all verbs, kill -9 of everything: no deadline is missed" {
    bash "$LIB/../soak.sh" --seconds 120 --clients 32
}

@test "10,000 times create, attach, start, wait(removed)" {
    timeout -k 1 800 python3 "$LIB/churn.py" "$T/berth.sock" 10000
}
