#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A tour of docker's client, compared with what dockerd answered to the same client (tour.py).
load ../lib/berth
load recorded

setup_file() {
    recorded_up tour
    daemon_start
    CLIENT=$(docker_client)
    export CLIENT
}
teardown_file() { recorded_down; }

@test "a tour of docker's client prints what it prints with dockerd" {
    run timeout 600 python3 "$BATS_TEST_DIRNAME/tour.py" play "$T/berth.sock" "$CLIENT" "$(busybox_tar)"
    echo "$output"
    [ "$status" -eq 0 ]
    [ "$(grep -cvE '^(#|\+|$)' "$BATS_TEST_DIRNAME/tour.txt")" -ge 200 ]
}

@test "the comparison can fail" {
    cp "$BATS_TEST_DIRNAME"/tour* "$T/"
    sed -i 's/no such network: nosuch/no such network: any/' "$T"/tour-docker-*.json
    run python3 "$T/tour.py" play "$T/berth.sock" "$CLIENT" "$(busybox_tar)" networks
    [ "$status" -eq 1 ] && [[ $output == *"such network: any"* ]]
}
