# SPDX-License-Identifier: Apache-2.0
#
# Long-lived bugs of other engines, in numbers that the caller says: few in tests/system/unkillable.bats, many in tests/long/unkillable.bats.
# A berthd runs and has the image busybox; load berth first.

status() { field "$1" '{{.State.Status}}'; }
has_status() { [ "$(status "$1")" = "$2" ]; }
restarted() { [ "$(field "$1" '{{.RestartCount}}')" -ge "$2" ] && has_status "$1" running; }
execs() { # N NAME: that many, sixteen at a time, each with a deadline; none may run into it
    seq "$1" | xargs -P 16 -I{} sh -c 'timeout -k 1 60 "$0" exec "$1" echo {} >/dev/null 2>&1; [ $? -ne 124 ] || echo late' "$BERTH" "$2" >"$T/execs"
    [ ! -s "$T/execs" ]
}
# end_seen NAME NS [N]: the Nth end (from 1) of a container that was killed at NS (of date +%s%N) was seen within a second.
end_seen() {
    local at
    at=$(b events --since 1 --until "$(($(date +%s) + 1))" --filter "container=$1" --filter event=die --format '{{json .}}' | sed -n "${3:-1}p" | jq .timeNano)
    echo "# $1 was ended at $2 and seen at $at: $(((at - $2) / 1000000)) ms"
    [ "$at" -ge "$2" ] && [ $((at - $2)) -lt 1000000000 ]
}

execs_while_init_dies() { # EXECS KILLS
    local many pid n at
    b run -d --network none --restart always --name busy busybox sleep 1000
    execs "$1" busy &
    many=$!
    for n in $(seq "$2"); do
        sleep 0.3
        pid=$(init_pid busy)
        at=$(date +%s%N)
        kill -KILL "$pid"
        eventually 20 restarted busy "$n"
        end_seen busy "$at" "$n"
        [ "$(init_pid busy)" != "$pid" ]
    done
    wait $many
    b stop -t 0 busy
    has_status busy exited
    [ -z "$(ls "$T/run/c")" ]
}

execs_while_memory_lacks() { # EXECS
    local many
    [ "$(b info --format '{{.MemoryLimit}}')" = true ] || skip "no memory limit on this machine"
    b run -d --network none -m 24m --restart on-failure:1 --name hungry busybox sh -c 'sleep 1; exec tail /dev/zero'
    execs "$1" hungry &
    many=$!
    eventually 30 has_status hungry exited
    wait $many
    [ "$(field hungry '{{.State.ExitCode}} {{.State.OOMKilled}} {{.RestartCount}}')" = "137 true 1" ]
}

execs_while_daemon_is_away() { # EXECS in each of two containers
    local x pids at
    for x in no always; do b run -d --network none --restart $x --name "away-$x" busybox sleep 1000; done
    for x in no always; do seq "$1" | xargs -P 4 -I{} "$BERTH" exec -d "away-$x" sleep 900; done
    pids="$(init_pid away-no) $(init_pid away-always)"
    daemon_kill
    # shellcheck disable=SC2086
    kill -KILL $pids
    eventually 10 sh -c "[ \$(ls $T/run/c/*/exit 2>/dev/null | wc -l) -eq 2 ]"
    at=$(date +%s%N)
    daemon_start
    eventually 5 has_status away-no exited
    [ "$(field away-no '{{.State.ExitCode}}')" = 137 ]
    end_seen away-no "$at"
    eventually 5 restarted away-always 1
    end_seen away-always "$at"
}

removals_beside_copied_mounts() { # RUNS
    local copier inside
    b run -d --network none --name sees -v /:/host busybox sleep 1000
    b run -d --network none --name held -v held:/data busybox sh -c 'echo kept >/data/file; exec sleep 1000'
    inworld unshare -m sleep 1000 3>&- 4>&- &
    copier=$!
    nsenter -t "$(init_pid held)" -m -- unshare -m /bin/sleep 1000 3>&- 4>&- 2>/dev/null &
    inside=$!
    seq "$1" | xargs -P 16 -I{} sh -c '"$0" run --rm --network none -v held:/data busybox cat /data/file' "$BERTH" >"$T/out"
    [ "$(grep -c '^kept$' "$T/out")" -eq "$1" ]
    timeout -k 1 30 "$BERTH" rm -f held
    timeout -k 1 30 "$BERTH" run --rm --network none busybox true
    [ "$(b ps -aq | wc -l)" -eq 1 ]
    [ "$(ls "$T/data/containers" | wc -l)" -eq 1 ]
    kill "$copier" "$inside" 2>/dev/null || :
    pkill -P "$copier" 2>/dev/null || :
    timeout -k 1 30 "$BERTH" rm -f sees
    [ -z "$(ls "$T/data/containers")" ]
}
