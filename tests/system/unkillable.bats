#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Long-lived bugs of other engines, each with the test that keeps it away.
bats_require_minimum_version 1.5.0
load ../lib/berth
load ../lib/bugs

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
setup() { kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start; }
teardown() {
    kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids
}

@test "execs while init is killed: the end is seen, and the policy acts, each time" {
    execs_while_init_dies 300 3
}

@test "execs while the kernel kills for want of memory: right words, code and policy" {
    execs_while_memory_lacks 150
}

@test "an init that is killed with execs in it while the daemon is away: seen at its return, and the policy acts" {
    execs_while_daemon_is_away 6
}

@test "a mount namespace that somebody has copied, and a container that sees all of the host, hold up no removal" {
    removals_beside_copied_mounts 100
}

@test "create, attach, start, wait(removed) of programs of 0 to 20 ms: code, output and events" {
    timeout -k 1 300 python3 "$LIB/churn.py" "$T/berth.sock" 300
}

@test "a full disk: ps and inspect answer, stop and rm -f work or say why not, and it goes on when there is room" {
    daemon_stop
    mv "$T/data" "$T/data.kept"
    mkdir "$T/data"
    inworld mount -t tmpfs -o size=24m tmpfs "$T/data"
    daemon_start
    import_busybox
    for x in p1 p2 p3 p4; do b run -d --network none --name $x busybox sleep 1000; done
    pid=$(init_pid p4)
    inworld sh -c "cat /dev/zero >'$T/data/fill'" 2>/dev/null || :
    [ "$(inworld df --output=avail "$T/data" | tail -1)" -eq 0 ]
    timeout -k 1 5 "$BERTH" ps -a >/dev/null
    timeout -k 1 5 "$BERTH" inspect p1 >/dev/null
    for verb in "stop -t 0 p1" "kill p2" "rm -f p3"; do
        code=0
        timeout -k 1 40 "$BERTH" $verb >"$T/words" 2>&1 || code=$?
        [[ $code -eq 0 || ($code -eq 1 && -s $T/words) ]]
    done
    kill -KILL "$pid" # an end that cannot be written
    eventually 5 ended "$pid"
    sleep 0.5
    inworld rm "$T/data/fill"
    timeout -k 1 40 "$BERTH" stop -t 0 p4
    has_status p4 exited
    daemon_kill
    daemon_start
    for x in p1 p2; do
        timeout -k 1 40 "$BERTH" stop -t 0 $x
        has_status $x exited
    done
    b rm -f p1 p2 p4
    b rm -f p3 2>/dev/null || :
    [ -z "$(b ps -aq)" ]
    daemon_stop
    inworld umount "$T/data"
    rmdir "$T/data"
    mv "$T/data.kept" "$T/data"
}
