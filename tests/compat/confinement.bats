#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What confines a plain container, as data, against what Docker's own daemon gave on this cgroup layout.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
}
teardown_file() { world_down; }

@test "a plain container is confined as Docker confines it, or more strictly for a listed reason" {
    ls "$BATS_TEST_DIRNAME"/confinement-docker-*-"$([ -e /sys/fs/cgroup/cgroup.controllers ] && echo v2 || echo hybrid)".json ||
        skip "no recording of Docker for this cgroup layout"
    DOCKER=$BERTH run sh "$BATS_TEST_DIRNAME/confinement.sh" compare
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "the comparison can fail" {
    cp "$BATS_TEST_DIRNAME"/confinement-docker-*-hybrid.json "$T/ref.json"
    python3 - "$T/ref.json" <<'P'
import json, sys
d = json.load(open(sys.argv[1]))
text = json.dumps(d)
assert "00000000a80425fb" in text
open(sys.argv[1], "w").write(text.replace("00000000a80425fb", "00000000a80425fa"))
P
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || skip "the recording is of the hybrid layout"
    DOCKER=$BERTH run sh "$BATS_TEST_DIRNAME/confinement.sh" compare "$T/ref.json"
    [ "$status" -eq 1 ]
}
