#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Restart policies, restart, pause: policy × how it ended × (running, backing off, paused) × (daemon killed, machine started anew).
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
count() { field "$1" '{{.RestartCount}}'; }
has_status() { [ "$(status "$1")" = "$2" ]; }
count_is_at_least() { [ "$(count "$1")" -ge "$2" ]; }
runs() { [ "$(field "$1" '{{.State.Running}} {{.State.Restarting}}')" = "true false" ]; }
# run_with POLICY NAME SCRIPT
run_with() { b run -d --network none --restart "$1" --name "$2" busybox sh -c "$3"; }
# Makes a container whose pause is long: its back-off is some seconds.
back_off() { # POLICY NAME
    run_with "$1" "$2" 'exit 3'
    eventually 10 count_is_at_least "$2" 5
    eventually 5 has_status "$2" restarting
}
shim_of() { awk '/^PPid/ { print $2 }' "/proc/$(init_pid "$1")/status"; }

@test "policy × how it ended" {
    for policy in no always unless-stopped on-failure; do
        run_with $policy "$policy-0" 'sleep 0.2; exit 0'
        run_with $policy "$policy-1" 'sleep 0.2; exit 1'
    done
    for x in always-0 always-1 unless-stopped-0 unless-stopped-1 on-failure-1; do
        eventually 10 count_is_at_least $x 2
    done
    for x in no-0 no-1 on-failure-0; do
        has_status $x exited
        [ "$(count $x)" = 0 ]
    done
    [ "$(field no-1 '{{.State.ExitCode}}')" = 1 ]
}

# bats test_tags=vm
@test "on-failure:N tries N times and stays down with the last code" {
    run_with on-failure:2 twice 'exit 7'
    eventually 10 has_status twice exited
    [ "$(count twice)" = 2 ]
    [ "$(field twice '{{.State.ExitCode}}')" = 7 ]
    [ "$(field twice '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}')" = "on-failure 2" ]
    # A start by hand has a count of its own.
    b start twice
    eventually 10 has_status twice exited
    [ "$(count twice)" = 2 ]
}

@test "back-off is seen: restarting, running, no pid, ps says so; die and start events come each time" {
    since=$(date +%s)
    back_off always loop
    [ "$(field loop '{{.State.Running}} {{.State.Restarting}} {{.State.Pid}} {{.State.ExitCode}}')" = "true true 0 3" ]
    [[ $(b ps --format '{{.Status}}') == "Restarting (3) "*" ago" ]]
    [ "$(b ps -q --filter status=restarting | wc -l)" -eq 1 ]
    events=$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter container=loop --format '{{.Action}}')
    [ "$(grep -c '^die$' <<<"$events")" -ge 4 ]
    [ "$(grep -c '^start$' <<<"$events")" -ge 4 ]
    run b rm loop
    [ "$status" -ne 0 ]
    [[ $output == *"container is restarting: stop the container before removing or force remove"* ]]
}

@test "stop, kill, rm -f and restart during back-off work at once" {
    for x in c1 c2 c3 c4; do run_with always $x 'exit 3'; done
    for x in c1 c2 c3 c4; do eventually 10 count_is_at_least $x 5; done
    for x in c1 c2 c3 c4; do eventually 5 has_status $x restarting; done
    from=$(date +%s%N)
    b stop c1
    has_status c1 exited
    b kill c2
    has_status c2 exited
    b rm -f c3
    b restart c4
    [ "$(count c4)" -le 1 ]
    [ $((($(date +%s%N) - from) / 1000000)) -lt 2000 ]
    run b inspect c3
    [ "$status" -ne 0 ]
    eventually 5 has_status c4 restarting
    sleep 3.5 # longer than any pause that was left
    has_status c1 exited
    has_status c2 exited
}

@test "what is stopped by hand stays down, until it is started again" {
    for policy in always unless-stopped on-failure; do
        run_with $policy $policy 'exec sleep 1000'
        b stop -t 0 $policy
        has_status $policy exited
    done
    run_with always killed 'exec sleep 1000'
    b kill killed
    sleep 0.5
    for x in always unless-stopped on-failure killed; do has_status $x exited; done
    b start always
    pid=$(init_pid always)
    kill -KILL "$pid"
    eventually 5 count_is_at_least always 1
    eventually 5 runs always
    [ "$(init_pid always)" != "$pid" ]
}

@test "kill with another signal is no wish for the end" {
    run_with always usr 'trap "exit 4" USR1; while :; do sleep 0.05; done'
    eventually 5 runs usr
    sleep 0.3
    b kill -s USR1 usr
    eventually 5 count_is_at_least usr 1
}

@test "a start that the policy began and that fails counts, and is tried again" {
    mkdir -p "$T/source"
    b create --network none --restart always --name fails --mount "type=bind,source=$T/source,target=/m" busybox sh -c 'sleep 0.3; exit 1'
    b start fails
    rmdir "$T/source"
    eventually 10 count_is_at_least fails 3
    [[ $(field fails '{{.State.Error}}') == *"$T/source"* ]]
    mkdir "$T/source"
    eventually 10 runs fails
    [ "$(field fails '{{.State.Error}}')" = "" ]
}

@test "a start by hand that fails answers, and is not tried again" {
    code=0
    b run -d --network none --restart always --name wrong busybox /no/such/program || code=$?
    [ "$code" -eq 127 ]
    sleep 0.4
    [ "$(status wrong)" = created ]
    [ "$(count wrong)" = 0 ]
}

@test "wait answers at each end, also where a restart follows" {
    run_with always w1 'sleep 1; exit 5'
    [ "$(b wait w1)" = 5 ]
    # During the back-off of a container that is stopped, a wait is told.
    back_off always w2
    b wait w2 >"$T/w2" &
    waiter=$!
    sleep 0.2
    b stop w2
    wait $waiter
    [ "$(cat "$T/w2")" = 3 ]
}

@test "policies that make no sense are refused" {
    run b run -d --rm --restart always busybox true
    [ "$status" -ne 0 ]
    body='{"Image":"busybox","HostConfig":{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}}'
    run api POST /containers/create "$body"
    [[ $output == *"can't create 'AutoRemove' container with restart policy"*400 ]]
    run api POST /containers/create '{"Image":"busybox","HostConfig":{"RestartPolicy":{"Name":"often"}}}'
    [[ $output == *"unknown policy 'often'"*400 ]]
}

@test "while the daemon is dead nothing is restarted; afterwards by policy, counted from the end itself" {
    for policy in no always unless-stopped on-failure; do run_with $policy $policy 'sleep 0.7; exit 1'; done
    run_with on-failure ok 'sleep 0.7; exit 0'
    daemon_kill
    sleep 1.2
    [ "$(ls "$T"/run/c/*/exit | wc -l)" -eq 5 ]
    daemon_start
    for x in always unless-stopped on-failure; do eventually 5 count_is_at_least $x 1; done
    has_status no exited
    has_status ok exited
}

@test "a back-off goes on after the daemon was killed, from where it was" {
    back_off always loop
    n=$(count loop)
    daemon_kill
    daemon_start
    [ "$(count loop)" -ge "$n" ]
    has_status loop restarting
    eventually 8 count_is_at_least loop $((n + 1))
    eventually 5 has_status loop restarting
    b stop loop
    daemon_kill
    daemon_start
    eventually 5 count_is_at_least loop 1 # `always` is started with the daemon
}

@test "stopped by hand, then the daemon starts: always comes back, the others do not" {
    for policy in no always unless-stopped on-failure; do
        run_with $policy $policy 'exec sleep 1000'
        b stop -t 0 $policy
    done
    back_off unless-stopped resting
    b stop resting
    daemon_kill
    daemon_start
    eventually 5 runs always
    for x in no unless-stopped on-failure resting; do has_status $x exited; done
}

@test "the wish is on disk before the signal: a daemon killed while it stops does not restart it" {
    run_with unless-stopped slow 'trap "sleep 1; exit 0" TERM; while :; do sleep 0.05; done'
    sleep 0.4
    b stop -t 10 slow &
    stopper=$!
    sleep 0.4
    daemon_kill
    wait $stopper || true
    sleep 1.2
    daemon_start
    has_status slow exited
    sleep 0.4
    has_status slow exited
    [ "$(count slow)" = 0 ]
}

@test "a shim that is killed: 137, words, and the policy" {
    for policy in no always on-failure; do run_with $policy $policy 'exec sleep 1000'; done
    for policy in no always on-failure; do kill -KILL "$(shim_of $policy)"; done
    eventually 5 has_status no exited
    [ "$(field no '{{.State.ExitCode}}')" = 137 ]
    [[ $(field no '{{.State.Error}}') == *shim* ]]
    for x in always on-failure; do
        eventually 5 count_is_at_least $x 1
        eventually 5 runs $x
    done
}

# bats test_tags=vm
@test "everything killed at once: explained, and the policy" {
    for policy in no always unless-stopped; do b run -d --restart $policy --name $policy busybox sleep 1000; done
    pids="$(shim_of no) $(shim_of always) $(shim_of unless-stopped) $(cat "$T/berthd.pid") $(netd_pids)"
    daemon=$(cat "$T/berthd.pid")
    # shellcheck disable=SC2086
    kill -KILL $pids
    daemon_gone "$daemon"
    daemon_start
    has_status no exited
    [ "$(field no '{{.State.ExitCode}}')" = 137 ]
    for x in always unless-stopped; do
        eventually 5 runs $x
        [ "$(count $x)" = 1 ]
    done
}

netd_pids() { inworld sh -c 'cat $(find /sys/fs/cgroup -name cgroup.procs)' | sort -u | while read -r p; do
    [[ $(tr '\0' ' ' <"/proc/$p/cmdline") == *berth-netd* ]] && echo "$p"
done || true; }

# bats test_tags=vm
@test "an emptied run_root: what lived there is ended with words, and the policy" {
    for policy in no always; do run_with $policy $policy 'exec sleep 1000'; done
    old=$(init_pid no)
    shim=$(shim_of no)
    daemon_kill
    rm -rf "${T:?}/run"/*
    daemon_start
    has_status no exited
    [ "$(field no '{{.State.ExitCode}}')" = 137 ]
    [[ $(field no '{{.State.Error}}') == *"run directory"* ]]
    eventually 5 sh -c "! kill -0 $old 2>/dev/null"
    eventually 5 sh -c "! kill -0 $shim 2>/dev/null"
    eventually 5 runs always
}

# bats test_tags=vm
@test "the machine was started anew: 255, and what ran is started by policy" {
    for policy in no always unless-stopped on-failure; do run_with $policy $policy 'exec sleep 1000'; done
    run_with unless-stopped stopped 'exec sleep 1000'
    b stop -t 0 stopped
    run_with always paused 'exec sleep 1000'
    b pause paused
    shims=$(for x in no always unless-stopped on-failure paused; do shim_of $x; done)
    daemon_kill
    # shellcheck disable=SC2086
    kill -KILL $shims
    rm -rf "${T:?}/run"/*
    BERTH_TEST_BOOT_ID=11111111-2222-3333-4444-555555555555 daemon_start
    has_status no exited
    [ "$(field no '{{.State.ExitCode}}')" = 255 ]
    for x in always unless-stopped on-failure paused; do eventually 5 runs $x; done
    has_status stopped exited
    # shellcheck disable=SC2046
    b rm -f $(b ps -aq)
    daemon_stop
}

# --- restart, the verb
# bats test_tags=vm
@test "restart: another process, the same container; one that does not run is started" {
    run_with no rr 'exec sleep 1000'
    pid=$(init_pid rr)
    b restart -t 0 rr
    [ "$(init_pid rr)" != "$pid" ]
    runs rr
    b stop -t 0 rr
    b restart rr
    runs rr
    run b restart nowhere
    [ "$status" -eq 1 ]
}

@test "restart of a container with --rm keeps it" {
    b run -d --rm --network none --name rr busybox sleep 1000
    pid=$(init_pid rr)
    b restart -t 0 rr
    [ "$(init_pid rr)" != "$pid" ]
    sleep 0.3
    runs rr
    b stop -t 0 rr
    eventually 5 sh -c "! $BERTH inspect rr >/dev/null 2>&1"
}

@test "a restart whose daemon dies between its halves is finished" {
    run_with no rr 'exec sleep 1000'
    daemon_stop
    BERTH_FAILPOINTS=restart.stopped=crash daemon_start
    run b restart -t 0 rr
    [ "$status" -ne 0 ]
    daemon_start
    eventually 5 runs rr
}

@test "a restart that waits for the end of the container when the daemon ends, or dies, is finished" {
    for how in stop kill; do
        run_with no "rr-$how" 'trap "echo asked; sleep 2; exit 0" TERM; echo ready; while :; do sleep 0.05; done'
        eventually 10 sh -c "$BERTH logs rr-$how | grep -q ready"
        pid=$(init_pid "rr-$how")
        b restart -t 20 "rr-$how" 2>/dev/null 3>&- &
        restarter=$!
        eventually 10 sh -c "$BERTH logs rr-$how | grep -q asked"
        daemon_$how
        wait $restarter || :
        daemon_start
        another() { runs "rr-$how" && [ "$(init_pid "rr-$how")" != "$pid" ] && [ "$(init_pid "rr-$how")" != 0 ]; }
        eventually 15 another
        eventually 10 sh -c "[ \$($BERTH logs rr-$how | grep -c ready) -eq 2 ]"
        b kill "rr-$how"
        has_status "rr-$how" exited
    done
}

# --- pause
# bats test_tags=vm
@test "pause and unpause: frozen in the kernel, shown, refused where it makes no sense" {
    run_with no pp 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.05; done'
    eventually 5 sh -c "[ \$($BERTH logs pp | wc -l) -gt 2 ]"
    b pause pp
    [ "$(field pp '{{.State.Status}} {{.State.Running}} {{.State.Paused}}')" = "paused true true" ]
    [[ $(b ps --format '{{.Status}}') == "Up "*" (Paused)" ]]
    a=$(b logs pp | wc -l)
    sleep 0.3
    [ "$(b logs pp | wc -l)" -eq "$a" ]
    run b pause pp
    [[ $status -eq 1 && $output == *"is already paused"* ]]
    run b exec pp true
    [[ $status -ne 0 && $output == *"is paused, unpause the container before exec"* ]]
    run b start pp
    [[ $status -ne 0 && $output == *"cannot start a paused container, try unpause instead"* ]]
    run b rm pp
    [[ $status -ne 0 && $output == *"container is paused and must be unpaused first"* ]]
    b unpause pp
    runs pp
    eventually 5 sh -c "[ \$($BERTH logs pp | wc -l) -gt $a ]"
    run b unpause pp
    [[ $status -ne 0 && $output == *"is not paused"* ]]
    b stop -t 0 pp
    run b pause pp
    [[ $status -ne 0 && $output == *"is not running"* ]]
    events=$(b events --since 1 --until "$(($(date +%s) + 1))" --filter container=pp --format '{{.Action}}' | tr '\n' ' ')
    [[ $events == *"pause unpause"* ]]
}

# bats test_tags=vm
@test "a paused container: stop, kill, restart and rm -f work" {
    for x in s1 k1 r1 f1; do
        run_with no $x 'trap "exit 9" TERM; while :; do sleep 0.05; done'
    done
    sleep 0.3
    b pause s1 k1 r1 f1
    from=$(date +%s)
    b stop s1
    [ "$(field s1 '{{.State.Status}} {{.State.ExitCode}} {{.State.Paused}}')" = "exited 9 false" ]
    b kill k1
    [ "$(field k1 '{{.State.Status}} {{.State.ExitCode}}')" = "exited 137" ]
    b restart r1
    runs r1
    b rm -f f1
    [ $(($(date +%s) - from)) -lt 8 ]
}

# bats test_tags=vm
@test "a daemon that dies leaves paused containers paused, and knows it" {
    run_with always pp 'exec sleep 1000'
    run_with no qq 'exec sleep 1000'
    b pause pp
    pid=$(init_pid pp)
    daemon_kill
    daemon_start
    [ "$(status pp)" = paused ]
    [ "$(init_pid pp)" = "$pid" ]
    b unpause pp
    runs pp
    # The row follows the freezer, not the other way round.
    daemon_stop
    BERTH_FAILPOINTS=pause.frozen=crash daemon_start
    run b pause qq
    daemon_start
    [ "$(status qq)" = paused ]
    daemon_stop
    BERTH_FAILPOINTS=unpause.thawed=crash daemon_start
    run b unpause qq
    daemon_start
    runs qq
}

# bats test_tags=vm
@test "a paused container whose shim is killed ends, and its policy is applied" {
    run_with always pp 'exec sleep 1000'
    b pause pp
    kill -KILL "$(shim_of pp)"
    eventually 10 count_is_at_least pp 1
    eventually 5 runs pp
}

# bats test_tags=vm
@test "pause that fails after the freeze thaws again" {
    run_with no pp 'exec sleep 1000'
    daemon_stop
    BERTH_FAILPOINTS=pause.frozen=EIO daemon_start
    run b pause pp
    [ "$status" -ne 0 ]
    runs pp
    b exec pp true
    daemon_stop
}
