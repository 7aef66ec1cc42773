#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Long-lived bugs of other engines, each with the test that keeps it away.
bats_require_minimum_version 1.5.0
load ../lib/berth

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

status() { field "$1" '{{.State.Status}}'; }
has_status() { [ "$(status "$1")" = "$2" ]; }
restarted() { [ "$(field "$1" '{{.RestartCount}}')" -ge "$2" ] && has_status "$1" running; }
execs() { # N NAME: that many, sixteen at a time, each with a deadline; none may run into it
    seq "$1" | xargs -P 16 -I{} sh -c 'timeout -k 1 60 "$0" exec "$1" echo {} >/dev/null 2>&1; [ $? -ne 124 ] || echo late' "$BERTH" "$2" >"$T/execs"
    [ ! -s "$T/execs" ]
}

@test "execs while init is killed: the end is seen, and the policy acts, each time" {
    b run -d --network none --restart always --name busy busybox sleep 1000
    execs 300 busy &
    many=$!
    for n in 1 2 3; do
        sleep 0.3
        pid=$(init_pid busy)
        kill -KILL "$pid"
        eventually 20 restarted busy $n
        [ "$(init_pid busy)" != "$pid" ]
    done
    wait $many
    b stop -t 0 busy
    has_status busy exited
    [ -z "$(ls "$T/run/c")" ]
}

@test "execs while the kernel kills for want of memory: right words, code and policy" {
    [ "$(b info --format '{{.MemoryLimit}}')" = true ] || skip "no memory limit on this machine"
    b run -d --network none -m 24m --restart on-failure:1 --name hungry busybox sh -c 'sleep 1; exec tail /dev/zero'
    execs 150 hungry &
    many=$!
    eventually 30 has_status hungry exited
    wait $many
    [ "$(field hungry '{{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}}')" = "137 true 1" ]
}

@test "an init that is killed with execs in it while the daemon is away: seen at its return, and the policy acts" {
    for x in no always; do b run -d --network none --restart $x --name "away-$x" busybox sleep 1000; done
    for i in 1 2 3 4 5 6; do for x in no always; do b exec -d "away-$x" sleep 900; done; done
    pids="$(init_pid away-no) $(init_pid away-always)"
    daemon_kill
    # shellcheck disable=SC2086
    kill -KILL $pids
    eventually 10 sh -c "[ \$(ls $T/run/c/*/exit 2>/dev/null | wc -l) -eq 2 ]"
    daemon_start
    eventually 5 has_status away-no exited
    [ "$(field away-no '{{.State.ExitCode}}')" = 137 ]
    eventually 5 restarted away-always 1
}

@test "a mount namespace that somebody has copied, and a container that sees all of the host, hold up no removal" {
    b run -d --network none --name sees -v /:/host busybox sleep 1000
    b run -d --network none --name held -v held:/data busybox sh -c 'echo kept >/data/file; exec sleep 1000'
    inworld unshare -m sleep 1000 3>&- 4>&- &
    copier=$!
    nsenter -t "$(init_pid held)" -m -- unshare -m /bin/sleep 1000 3>&- 4>&- 2>/dev/null &
    inside=$!
    seq 100 | xargs -P 16 -I{} sh -c '"$0" run --rm --network none -v held:/data busybox cat /data/file' "$BERTH" >"$T/out"
    [ "$(grep -c '^kept$' "$T/out")" -eq 100 ]
    timeout -k 1 30 "$BERTH" rm -f held
    timeout -k 1 30 "$BERTH" run --rm --network none busybox true
    [ "$(b ps -aq | wc -l)" -eq 1 ]
    [ "$(ls "$T/data/containers" | wc -l)" -eq 1 ]
    kill "$copier" "$inside" 2>/dev/null || :
    pkill -P "$copier" 2>/dev/null || :
    timeout -k 1 30 "$BERTH" rm -f sees
    [ -z "$(ls "$T/data/containers")" ]
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
