#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each operation's success and errors, asked for as the oldest and the newest version that have a schema here (provoke.py).
load ../lib/berth
load recorded

setup_file() {
    recorded_up provoke
    daemon_start
    import_busybox
}
teardown_file() { recorded_down; }

same() {
    run timeout 120 python3 "$BATS_TEST_DIRNAME/provoke.py" play "$T/berth.sock" "$1"
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "each operation answers with dockerd's status, as of 1.41" { same 1.41; }
@test "each operation answers with dockerd's status, as of 1.51" { same 1.51; }

@test "another status is seen" {
    cp "$BATS_TEST_DIRNAME"/provoke* "$T/"
    sed -i '/"GET \/containers\/nosuch\/json"/s/404/409/' "$T/provoke-docker.json"
    run timeout 120 python3 "$T/provoke.py" play "$T/berth.sock" 1.51
    [ "$status" -eq 1 ] && [[ $output == *"expected: 409"* && $output == *" 1 answered otherwise" ]]
}
