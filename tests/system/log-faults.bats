#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A log driver that crashes, exits, hangs or eats memory: the container goes on, and so does its log.
load ../lib/berth

setup_file() {
    world_up
    mkdir "$T/plugins"
    cp "$BERTH_PREFIX"/lib/berth/plugins/*.so "$T/plugins/"
    for name in trap trap-blind; do
        flag=
        [ $name = trap ] || flag=-DBLIND
        # shellcheck disable=SC2086
        gcc -std=gnu11 -O1 -fPIC -shared -D_GNU_SOURCE $flag -o "$T/plugins/log-$name.so" "$LIB/trap-driver.c" \
            $(PKG_CONFIG_PATH="$BERTH_PREFIX/lib/pkgconfig" pkg-config --cflags berth-sdk)
    done
    write_conf "plugin_dirs = [ \"$T/plugins\" ];"
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
setup() { kill -0 "$(cat "$T/berthd.pid")" 2>/dev/null || daemon_start; }
teardown() {
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids
}

shim_of() { awk '/^PPid/ { print $2 }' "/proc/$(init_pid "$1")/status"; }
# trapped NAME DRIVER WHAT: prints 1 … 5, springs the trap in its first run, 6 … 9, waits for /go, prints 10 … 12 and ends with 7.
trapped() {
    b run -d --name "$1" --network none --log-driver "$2" busybox sh -c "seq 1 5; [ -e /go ] || echo trap $3; seq 6 9; until [ -e /go ]; do sleep 0.05; done; seq 10 12; exit 7"
}
in_force() { [ "$(field "$1" '{{.LogStatus.Driver}}')" = "$2" ]; }
go_on() { b exec "$1" touch /go; }
ended_with() { [ "$(b wait "$1")" = "$2" ]; }
# What the log has, a number or a trap a line, each once.
lines() { b logs "$@" | awk '!seen[$0]++' | tr '\n' ' '; }
all="1 2 3 4 5 trap crash 6 7 8 9 10 11 12 "

@test "crash of a driver that can read: same process, the fallback takes over, logs has both parts, inspect and events say so" {
    since=$(date +%s)
    trapped cc trap crash
    pid=$(init_pid cc)
    shim=$(shim_of cc)
    eventually 20 in_force cc "${DP}json-file"
    [ "$(init_pid cc)" = "$pid" ]
    [ "$(shim_of cc)" = "$shim" ]
    [[ $(field cc '{{.LogStatus.Error}}') == *"log driver trap crashed (signal 11"*"${DP}json-file has taken over"* ]]
    [ "$(field cc '{{.State.Error}}')" = "" ]
    [ "$(field cc '{{.State.Running}}')" = true ]
    # Who follows goes along.
    b logs -f cc >"$T/followed" &
    follower=$!
    go_on cc
    ended_with cc 7
    wait $follower
    [ "$(lines cc)" = "$all" ]
    [ "$(awk '!seen[$0]++' "$T/followed" | tr '\n' ' ')" = "$all" ]
    [ "$(b logs --tail 5 cc | tr '\n' ' ')" = "8 9 10 11 12 " ]
    event=$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter container=cc --filter event=log_fallback --format '{{json .Actor.Attributes}}')
    [[ $event == *'"driver":"trap"'* && $event == *"\"fallback\":\"${DP}json-file\""* && $event == *"crashed (signal 11"* ]]
    # The next run begins with the driver that was asked for; what the last one wrote stays where it was.
    daemon_kill
    daemon_start
    [[ $(field cc '{{.LogStatus.Error}}') == *crashed* ]]
    b start cc
    ended_with cc 7
    in_force cc trap
    [ "$(field cc '{{.LogStatus.Error}}')" = "" ]
    [ "$(b logs cc | awk '!seen[$0]++' | tr '\n' ' ')" = "$all" ]
    [ "$(b logs cc | grep -c '^12$')" = 2 ]
    [ "$(b logs cc | tail -n 1)" = 12 ]
}

@test "a follower that was there before the crash sees every line" {
    b run -d --name ff --network none --log-driver trap busybox sh -c 'echo first; until [ -e /go ]; do sleep 0.05; done; echo trap crash; echo last; exit 7'
    b logs -f ff >"$T/followed" &
    follower=$!
    eventually 20 grep -q first "$T/followed"
    go_on ff
    ended_with ff 7
    wait $follower
    cat "$T/followed"
    [ "$(awk '!seen[$0]++' "$T/followed" | tr '\n' ' ')" = "first trap crash last " ]
}

@test "crash of a driver that cannot read: the copy beside it goes on alone" {
    trapped cc trap-blind crash
    pid=$(init_pid cc)
    eventually 20 in_force cc "${DP}json-file"
    [ "$(init_pid cc)" = "$pid" ]
    [[ $(field cc '{{.LogStatus.Error}}') == *"log driver trap-blind crashed"*"local copy"* ]]
    go_on cc
    ended_with cc 7
    [ "$(b logs cc | tr '\n' ' ')" = "$all" ]
}

@test "a driver that calls exit() or eats memory gives way, too" {
    for what in exit eat; do
        trapped c-$what trap $what
        pid=$(init_pid c-$what)
        # Growth is looked at when output comes.
        [ $what = exit ] || b exec c-$what sh -c 'while :; do echo more >/proc/1/fd/1; sleep 0.2; done' &
        more=$!
        eventually 20 in_force c-$what "${DP}json-file"
        [ "$(init_pid c-$what)" = "$pid" ]
        go_on c-$what
        ended_with c-$what 7
        wait $more || :
        [ "$(lines c-$what | sed 's/more //')" = "${all/crash/$what}" ]
    done
}

@test "a driver that hangs as the container ends: the exit comes, with the right code and every line" {
    b run -d --name hh --network none --log-driver trap busybox sh -c 'seq 1 5; echo trap hang; seq 6 9; exit 7'
    ended_with hh 7
    [ "$(field hh '{{.State.Error}}')" = "" ]
    [[ $(field hh '{{.LogStatus.Error}}') == *"takes nothing any more"* ]]
    [ "$(lines hh)" = "1 2 3 4 5 trap hang 6 7 8 9 " ]
    # Also when it is a stop that ends it.
    b run -d --name ss --network none --log-driver trap busybox sh -c 'echo one; echo trap hang; echo two; exec sleep 1000'
    eventually 20 sh -c "$BERTH logs ss | grep -q one"
    b stop -t 0 ss
    [ "$(field ss '{{.State.ExitCode}}')" = 137 ]
    [ "$(lines ss)" = "one trap hang two " ]
}

@test "a crash while no daemon is there is told by the next one" {
    trapped cc trap crash
    eventually 20 in_force cc "${DP}json-file"
    b rm -f cc
    b run -d --name dd --network none --log-driver trap busybox sh -c 'until [ -e /go ]; do sleep 0.05; done; echo trap crash; echo after; exec sleep 1000'
    pid=$(init_pid dd)
    daemon_kill
    touch "/proc/$pid/root/go"
    eventually 20 grep -rqs after "$T/data/containers"
    daemon_start
    eventually 20 in_force dd "${DP}json-file"
    [ "$(init_pid dd)" = "$pid" ]
    [ "$(lines dd)" = "trap crash after " ]
}

@test "lines that a driver crashes on are in the fallback" {
    b run -d --name xx --network none --log-driver trap busybox sh -c 'for i in 1 2 3 4 5 6; do echo trap crash; sleep 0.3; done; exit 7'
    ended_with xx 7
    in_force xx "${DP}json-file"
    [ "$(b logs xx | grep -c 'trap crash')" -ge 6 ]
}
