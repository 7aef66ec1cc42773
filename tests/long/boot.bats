#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A daemon that has much to know when it comes up.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }

@test "with 1,000 containers that have ended and 5,000 images the socket answers within 100 ms" {
    timeout -k 1 600 python3 "$LIB/images.py" "$T/berth.sock" 5000
    [ "$(b images -q | wc -l)" -eq 5001 ]
    seq 1000 | xargs -P 4 -I{} "$BERTH" run --network none --name "dead-{}" busybox true
    [ "$(b ps -aq --filter status=exited | wc -l)" -eq 1000 ]
    daemon_stop
    PYTHONPATH=$LIB inworld python3 "$LIB/boot.py" 100 "$T/berth.sock" "$BERTHD" --config "$T/daemon.conf"
    daemon_start
    b system check
}
