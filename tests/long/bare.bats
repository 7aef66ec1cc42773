#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# README's two commands in a fresh Debian 12 minbase root, and quickstart on this machine.
load ../lib/berth

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

@test "quickstart on this machine leaves nothing behind" {
    run env BERTH_QUICKSTART_DIR="$BERTH_WORK/quick" BERTH_QUICKSTART_PORT=18480 sh "$TOP/quickstart.sh"
    echo "$output"
    [ "$status" -eq 0 ]
    rm -rf "$BERTH_WORK/quick"
}

@test "quickstart in a bare root" {
    run sh "$TOP/tests/bare.sh" "$BERTH_WORK/bare" quickstart
    echo "$output"
    [ "$status" -eq 0 ]
}
