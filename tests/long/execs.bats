#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One container that is asked for something again and again.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }

@test "100,000 execs: output and exit code of each, and the memory of daemon and monitor stays flat" {
    b run -d --network none --name busy busybox sleep 100000
    timeout -k 1 3000 python3 "$LIB/execs.py" "$T/berth.sock" busy 100000 \
        "$(cat "$T/berthd.pid")" "$(awk '/^PPid/ { print $2 }' "/proc/$(init_pid busy)/status")"
}
