#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Recorded conversations and run directories of each protocol, played: monitors and daemons of other builds understand those of today.
load ../lib/berth

REC=$BATS_TEST_DIRNAME/../recordings
setup() {
    world_up
    DB=$T/data/berth.db
}
teardown() {
    [ ! -s "$T/player.err" ] || cat "$T/player.err" # where it failed
    [ -z "${PLAYER:-}" ] || kill "$PLAYER" 2>/dev/null || :
    world_down
}

shim_of() { awk '/^PPid/ { print $2 }' "/proc/$(init_pid "$1")/status"; }
has_status() { [ "$(field "$1" '{{.State.Status}}')" = "$2" ]; }
logged() { grep -q "$1" "$T/berthd.log"; }
asked() { grep -q "\"type\": \"$1\"" "$T/heard"; }
run_name() { sqlite3 "$DB" "SELECT substr(id, 1, 16) FROM container"; }
# Lets a player take the place of a running container's monitor, as if it had been the monitor all the time; the daemon is away then.
replace_monitor() { # replace_monitor NAME RECORDING [KEY=VALUE...]
    local id rundir shim init
    id=$(field "$1" '{{.Id}}')
    init=$(init_pid "$1")
    shim=$(shim_of "$1")
    rundir=$T/run/c/${id:0:16}
    daemon_kill
    kill -KILL "$shim" "$init"
    eventually 10 ended "$init"
    rm -f "$rundir"/*
    inworld python3 "$LIB/play.py" shim "$REC/$2.json" "$rundir" "$id" "$T/heard" "${@:3}" >"$T/played" 2>"$T/player.err" 3>&- &
    eventually 20 test -s "$T/played" || { cat "$T/player.err"; return 1; }
    read -r PLAYER shim_start INIT init_start <"$T/played"
    sqlite3 "$DB" "UPDATE container SET shim_pid=$PLAYER, shim_start=$shim_start, pid=$INIT, pid_start=$init_start WHERE id='$id'"
}
daemon_and_container() {
    daemon_start
    import_busybox
    b run -d --name old --network none busybox sleep 1000
}
# The container goes on, can be used, and ends with its own exit code; nothing of it is left.
works_and_ends() {
    has_status old running
    [ "$(init_pid old)" = "$INIT" ]
    b exec -d old true
    eventually 10 asked exec_forget
    [ "$(b stop old)" = old ]
    has_status old exited
    [ "$(field old '{{.State.ExitCode}} {{.State.Error}}')" = "7 " ]
    eventually 20 ended "$PLAYER"
    asked release
    gone() { [ -z "$(ls "$T/run/c")" ]; }
    eventually 20 gone
    [ ! -s "$T/player.err" ]
    b rm old
    "$BERTH" system check
}

@test "a monitor of protocol 1.0 is taken over" {
    daemon_and_container
    replace_monitor old shim-1.0
    daemon_start
    logged "connected to its monitor"
    works_and_ends
    refute asked upgrade
}

@test "a monitor of protocol 1.1 is taken over, and one that says that it cannot be upgraded stays" {
    daemon_and_container
    replace_monitor old shim-1.1
    daemon_start
    eventually 20 asked upgrade
    works_and_ends
}

@test "a monitor of a later minor: what is not known is ignored" {
    daemon_and_container
    replace_monitor old shim-1.1 minor=99 strange=1
    daemon_start
    works_and_ends
}

@test "a container that ended under an older monitor while the daemon was away" {
    daemon_and_container
    replace_monitor old shim-1.0
    kill -TERM "$INIT"
    eventually 20 test -s "$T/run/c/$(run_name)/exit"
    daemon_start
    eventually 20 has_status old exited
    [ "$(field old '{{.State.ExitCode}}')" = 7 ]
    eventually 20 asked release
}

@test "a monitor of another major is refused in words and left alone" {
    daemon_and_container
    replace_monitor old shim-1.1 protocol=2
    refute daemon_start
    refusals() { grep -c "^[^ ]* error .*speaks protocol 2, this daemon speaks 1" "$T/berthd.log"; }
    [ "$(refusals)" = 1 ]
    refute ended "$PLAYER"
    refute ended "$INIT"
    [ "$(sqlite3 "$DB" "SELECT status FROM container")" = running ]
    [ ! -s "$T/player.err" ]
    # Also where only its words tell, not its state.
    sed -i 's/"protocol": 2/"protocol": 1/' "$T/run/c/$(run_name)/state"
    refute daemon_start
    [ "$(refusals)" = 2 ]
    refute ended "$PLAYER"
    refute ended "$INIT"
    [ ! -s "$T/heard" ]
}

@test "a monitor that becomes one of another major while the daemon runs is left alone, and its container can be stopped" {
    daemon_and_container
    replace_monitor old shim-1.1
    daemon_start
    logged "connected to its monitor"
    kill -USR1 "$PLAYER"
    eventually 20 logged "error .*is left alone: .*speaks protocol 2"
    refute ended "$PLAYER"
    refute ended "$INIT"
    has_status old running
    [ "$(b stop old)" = old ]
    [ "$(field old '{{.State.Status}} {{.State.ExitCode}}')" = "exited 7" ]
    eventually 20 ended "$PLAYER"
    b rm old
    "$BERTH" system check
}

@test "daemons of protocol 1.0, 1.1 and 1.2 are served by today's monitor" {
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || skip "the recorded plans are of control groups v1"
    shim=$(find "$BERTH_PREFIX" -name berth-shim -type f)
    driver=$(find "$BERTH_PREFIX" -name "log-${DP}json-file.so")
    for minor in 1.0 1.1 1.2; do
        mkdir -p "$T/$minor/root"
        tar -C "$T/$minor/root" -xf "$(busybox_tar)"
        inworld python3 "$LIB/play.py" berthd "$REC/shim-$minor.json" "$shim" "$driver" "$T/$minor"
        inworld find /sys/fs/cgroup -depth -path '*/berth-played*' -type d -exec rmdir {} +
    done
}

# Starts a netd that finds the recorded state; what it holds there is held by HOLDER.
netd_with() { # netd_with DIR [KEY=VALUE...]
    mkdir "$1"
    sh -c 'python3 "$@"; exec sleep 1000' sh "$LIB/play.py" netd-state "$REC/netd-1.0.json" "$@" 3>&- &
    HOLDER=$!
    eventually 20 test -s "$1/state"
    inworld "$(find "$BERTH_PREFIX" -name berth-netd -type f)" "$1" 3>&-
}
bind_to() { innet python3 -c "import socket; socket.socket().bind(('0.0.0.0', $1))" 2>/dev/null; }

@test "netd takes up a recorded state, also with members that it does not know" {
    for strange in 0 1; do
        dir=$T/netd$strange
        netd_with "$dir" strange=$strange
        refute bind_to 18080
        refute bind_to 18081
        [ "$(jq -c '[.holders[].ports[].host_port] | sort' "$dir/state")" = "[18080,18080,18081,18081,18082]" ]
        kill "$HOLDER"
        eventually 20 bind_to 18080
        eventually 20 bind_to 18081
    done
}

@test "netd serves a recorded daemon" {
    netd_with "$T/netd" holders=1
    inworld python3 "$LIB/play.py" netd "$REC/netd-1.0.json" "$T/netd" "$HOLDER"
    refute bind_to 18080
    bind_to 18081
    kill "$HOLDER"
}
