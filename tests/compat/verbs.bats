#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Docker's clients: rename, top, port, update, stats, prune, and the filters of ps.
load ../lib/berth
load recorded

setup_file() {
    recorded_up verbs
    daemon_start
    import_busybox
    DOCKERS=$(docker_client)
    if type -P docker >/dev/null; then DOCKERS="$DOCKERS $(type -P docker)"; fi
    export DOCKERS
}
teardown_file() { recorded_down; }
teardown() { for d in $DOCKERS; do "$d" rm -f $("$d" ps -aq) >/dev/null 2>&1 || :; done; }

each() { # runs the function named $1 once per client, which it finds in $D
    for D in $DOCKERS; do
        "$1" || { echo "with $D: $output"; return 1; }
        "$D" rm -f $("$D" ps -aq) >/dev/null 2>&1 || :
    done
}
slow() { "$D" run -d --network none --name "$@" busybox sleep 1000 >/dev/null; }

@test "docker rename" {
    one() {
        slow one && slow two || return 1
        "$D" rename one three && [ "$("$D" ps --format '{{.Names}}' | sort | xargs)" = "three two" ] || return 1
        run "$D" rename three two
        [ "$status" -eq 1 ] && [[ $output == *'Error when allocating new name: Conflict. The container name "/two" is already in use'* ]] || return 1
        run "$D" rename none x1
        [ "$status" -eq 1 ] && [[ $output == *"No such container: none"* ]]
    }
    each one
}

@test "docker top and docker port" {
    one() {
        "$D" run -d --name box -p 127.0.0.1:18080:80 busybox sleep 1000 >/dev/null || return 1
        run "$D" top box
        [ "$status" -eq 0 ] && [[ ${lines[0]} == UID*PID*PPID*CMD ]] && [[ ${lines[1]} == *"sleep 1000" ]] || return 1
        [ "$("$D" top box -o comm,pid | tail -n 1 | xargs)" = "sleep $("$D" inspect -f '{{.State.Pid}}' box)" ] || return 1
        [ "$("$D" port box)" = "80/tcp -> 127.0.0.1:18080" ] && [ "$("$D" port box 80)" = 127.0.0.1:18080 ] || return 1
        "$D" kill box >/dev/null
        run "$D" top box
        [ "$status" -eq 1 ] && [[ $output == *"is not running"* ]]
    }
    each one
}

@test "docker update" {
    one() {
        slow box || return 1
        [ "$("$D" update -m 64m --memory-swap 128m --cpus 0.5 --pids-limit 20 --restart on-failure:3 box)" = box ] || return 1
        [ "$("$D" inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}' box)" = \
            "67108864 134217728 500000000 20 on-failure" ] || return 1
        [ "$("$D" stats --no-stream --format '{{.MemUsage}}' box | sed 's/.* //')" = 64MiB ] || return 1
        run "$D" update -m 4k box
        [ "$status" -eq 1 ] && [[ $output == *"Minimum memory limit allowed is 6MB"* ]] || return 1
        run "$D" update --cpus 0.5 none
        [ "$status" -eq 1 ]
    }
    each one
}

@test "docker stats" {
    one() {
        slow one && "$D" create --name two busybox >/dev/null || return 1
        run "$D" stats --no-stream
        [[ ${lines[0]} == "CONTAINER ID   NAME "*"CPU % "*"MEM USAGE / LIMIT "*"PIDS"* ]] && [ "${#lines[@]}" -eq 2 ] || return 1
        [[ ${lines[1]} == *" one "*iB\ /\ *GiB*" 1"* ]] || return 1
        [ "$("$D" stats --no-stream -a --format '{{.Name}} {{.PIDs}}' | sort | xargs)" = "one 1 two 0" ] || return 1
        # A live view of both.
        timeout 5 "$D" stats -a --format '{{.Name}}={{.PIDs}}' >"$T/live" 2>&1 || :
        grep -q one=1 "$T/live" && grep -q two=0 "$T/live" || return 1
        run "$D" stats --no-stream none
        [ "$status" -eq 1 ] && [[ $output == *"No such container: none"* ]]
    }
    each one
}

@test "docker container prune, and filters" {
    one() {
        slow runs && "$D" create --name made --label x=1 busybox >/dev/null || return 1
        "$D" run --name ended --network none busybox sh -c 'exit 3'
        [ "$("$D" ps -a --filter exited=3 --format '{{.Names}}')" = ended ] || return 1
        [ "$("$D" ps --filter status=created --format '{{.Names}}')" = made ] || return 1
        [ "$("$D" ps -a --filter since=runs --filter label=x --format '{{.Names}}')" = made ] || return 1
        [ "$("$D" ps -a --filter ancestor=busybox --filter network=none -q | wc -l)" -eq 2 ] || return 1
        [ "$("$D" ps -n 1 -q | wc -l)" -eq 1 ] && [ "$("$D" ps -l --format '{{.Names}}')" = ended ] || return 1
        run "$D" ps --filter foo=x
        [ "$status" -eq 1 ] && [[ $output == *"nvalid filter 'foo'"* ]] || return 1
        [[ $("$D" ps -as --format '{{.Size}}' | head -n 1) == *"(virtual "* ]] || return 1
        run "$D" container prune -f --filter label=x=1
        [ "${lines[0]}" = "Deleted Containers:" ] && [[ ${lines[-1]} == "Total reclaimed space: "* ]] || return 1
        [ "$("$D" ps -a --format '{{.Names}}' | sort | xargs)" = "ended runs" ] || return 1
        "$D" container prune -f >/dev/null && [ "$("$D" ps -a --format '{{.Names}}')" = runs ]
    }
    each one
}
