#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The whole table: restart policy × (running, backing off, paused) × what a user did (nothing, stop, kill) × (daemon killed, machine started anew).
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() {
    kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids
}

# Every case, a line each: POLICY WAS DID. Without a policy there is no back-off.
cases() {
    local policy was did
    for policy in no always unless-stopped on-failure; do
        for was in running resting paused; do
            [ "$policy-$was" != no-resting ] || continue
            for did in nothing stop kill; do echo "$policy $was $did"; done
        done
    done
}
names() { cases | awk -v did="$1" -v was="${2:-.*}" '$3 ~ did && $2 ~ was { print $1 "-" $2 "-" $3 }'; }
# NAME STATUS COUNT PID of each.
look() { b inspect --format '{{.Name}} {{.State.Status}} {{.RestartCount}} {{.State.Pid}}' $(b ps -aq) | sed 's|^/||' | sort; }
rest_long() { [ "$(look | awk '$1 ~ /-resting-/ && ($2 != "restarting" || $3 < 6)' | wc -l)" -eq 0 ]; }

# Brings each container where its case begins, and does what a user does.
populate() {
    local policy was did command
    while read -r policy was did; do
        command='exec sleep 1000'
        [ "$was" != resting ] || command='exit 3'
        b run -d --network none --restart "$policy" --name "$policy-$was-$did" busybox sh -c "$command" >/dev/null
    done < <(cases)
    b pause $(names . paused) >/dev/null
    eventually 40 rest_long
    b stop -t 0 $(names stop) >/dev/null
    b kill $(names kill) >/dev/null
    before=$(look)
    [ "$(awk '$1 !~ /-nothing$/ && $2 != "exited"' <<<"$before")" = "" ]
}

# What has to be of a case, as a pattern of its line, when the daemon is there again. PID: of the same process as before.
expected() { # expected POLICY WAS DID killed|anew
    case $1-$2-$3-$4 in
    always-resting-*) echo '(restarting|running) [0-9]+ [0-9]+' ;;
    always-*-stop-* | always-*-kill-*) echo 'running 0 [0-9]+' ;;
    *-stop-* | *-kill-*) echo 'exited [0-9]+ 0' ;;
    *-running-nothing-killed) echo 'running 0 PID' ;;
    *-paused-nothing-killed) echo 'paused 0 PID' ;;
    *-resting-nothing-*) echo '(restarting|running) ([6-9]|[1-9][0-9]+) [0-9]+' ;;
    no-*-nothing-anew) echo 'exited 0 0' ;;
    *-nothing-anew) echo 'running [01] [0-9]+' ;;
    esac
}
as_expected() { # as_expected killed|anew
    local now policy was did name pattern pid line wrong=0
    now=$(look)
    : >"$T/wrong"
    while read -r policy was did; do
        name=$policy-$was-$did
        pattern=$(expected "$policy" "$was" "$did" "$1")
        pid=$(awk -v n="$name" '$1 == n { print $4 }' <<<"$before")
        line=$(awk -v n="$name" '$1 == n' <<<"$now")
        [[ $line =~ ^$name\ ${pattern/PID/$pid}$ ]] || {
            echo "$line, but \"$pattern\" was to be" >>"$T/wrong"
            wrong=1
        }
    done < <(cases)
    return $wrong
}
becomes() {
    if eventually 20 as_expected "$1"; then
        sleep 1
        as_expected "$1" && return 0 # and stays
    fi
    cat "$T/wrong"
    return 1
}

@test "the daemon is killed: what ran goes on, what was ended by hand stays down, but for always" {
    populate
    daemon_kill
    daemon_start
    becomes killed
}

@test "the machine is started anew: what ran is started by its policy, what was ended by hand is not, but for always" {
    populate
    shims=$(jq .shim_pid "$T"/run/c/*/state)
    daemon_kill
    # shellcheck disable=SC2086
    kill -KILL $shims
    rm -rf "${T:?}/run"/*
    BERTH_TEST_BOOT_ID=11111111-2222-3333-4444-555555555555 daemon_start
    becomes anew
    [ "$(field no-paused-nothing '{{.State.ExitCode}}')" = 255 ]
    # shellcheck disable=SC2046
    b rm -f $(b ps -aq)
    daemon_stop
}
