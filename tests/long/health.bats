#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What health checks cost: 100 containers, a check each second. The processors' time of the daemon and of the monitors counts, that of the commands
# that are checked by does not. The aim is 5 % of a core; a machine that does other things as well makes each check dearer, so the limits have room, and what was
# seen is printed.
load ../lib/berth

setup_file() {
    world_up
    write_conf
    sed -i 's/"debug"/"info"/' "$T/daemon.conf"
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() {
    # shellcheck disable=SC2046
    b rm -f $(b ps -aq) >/dev/null
}

# Ticks (hundredths of a second) that these processes have used.
ticks() {
    local p sum=0
    for p in "$@"; do
        sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$p/stat")))
    done
    echo $sum
}

# cost FLAGS...: of 100 containers that are checked as the flags say, in hundredths of a percent of a core.
cost() {
    local i pids ids from to began ended
    for i in $(seq 100); do b run -d --network none --health-interval 1s "$@" >/dev/null; done
    all_are_healthy() { [ "$(b ps -q --filter health=healthy | wc -l)" -eq 100 ]; }
    eventually 30 all_are_healthy
    ids=$(b ps -q)
    pids=$(cat "$T/berthd.pid")
    # shellcheck disable=SC2086
    for i in $(b inspect --format '{{.State.Pid}}' $ids); do pids="$pids $(awk '/^PPid/ { print $2 }' "/proc/$i/status")"; done
    began=$(date +%s%N)
    # shellcheck disable=SC2086
    from=$(ticks $pids)
    sleep 20
    # shellcheck disable=SC2086
    to=$(ticks $pids)
    ended=$(date +%s%N)
    all_are_healthy
    echo $(((to - from) * 100000000000 / (ended - began)))
}

@test "commands: 5 % of a core" {
    hundredths=$(cost --health-cmd true busybox sleep 10000)
    echo "# $hundredths / 100 % of a core" >&3
    [ "$hundredths" -lt 800 ]
}

@test "connections: 2 % of a core" {
    hundredths=$(cost --health-http http://localhost:8080/ busybox httpd -f -p 8080 -h /var/www)
    echo "# $hundredths / 100 % of a core" >&3
    [ "$hundredths" -lt 400 ]
}
