#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Health checks: states, time-outs with all children, connections without a process, what is done for the unhealthy, a daemon that is away.
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

health() { field "$1" '{{.State.Health.Status}}'; }
has_health() { [ "$(health "$1")" = "$2" ]; }
streak() { field "$1" '{{.State.Health.FailingStreak}}'; }
streak_is_at_least() { [ "$(streak "$1")" -ge "$2" ]; }
last_output() { field "$1" '{{range .State.Health.Log}}{{.Output}}{{end}}'; }
last_code() { field "$1" '{{range .State.Health.Log}}{{.ExitCode}} {{end}}' | awk '{ print $NF }'; }
results() { field "$1" '{{len .State.Health.Log}}'; }
results_are() { [ "$(results "$1")" = "$2" ]; }
last_start() { field "$1" '{{range .State.Health.Log}}{{json .Start}} {{end}}' | awk '{ print $NF }'; }
# A check that began after now is there.
checked_again() { [ "$(last_start "$1")" != "$2" ]; }
runs_once() { [ "$(pgrep -c -f -x "$1")" = 1 ]; }
runs_not() { ! pgrep -f -x "$1" >/dev/null; }
# run_checked NAME CHECK [FLAGS]: a container that sleeps; its check runs each 50 ms.
run_checked() {
    local name=$1 check=$2
    shift 2
    b run -d --network none --name "$name" --health-cmd "$check" --health-interval 50ms "$@" busybox sleep 1000 >/dev/null
}
# The control group of a container's checks.
group_of() {
    local id
    id=$(field "$1" '{{.Id}}')
    inworld find /sys/fs/cgroup -type d -path "*/$id/berth-check"
}

# A machine without KVM takes its time.
limit=700ms period=1s
[ -z "${BERTH_SCALE:-}" ] || limit=5s period=10s

# bats test_tags=vm
@test "starting, healthy, unhealthy and back: inspect, ps, filters, events" {
    since=$(date +%s)
    run_checked box 'echo "looked"; test -e /ok' --health-retries 2 --health-start-period "$period" --health-start-interval 50ms
    [ "$(health box) $(streak box)" = "starting 0" ]
    [[ $(b ps --format '{{.Status}}') == "Up "*" (health: starting)" ]]
    [ "$(b ps -q --filter health=starting | wc -l)" -eq 1 ]
    eventually 10 results_are box 5
    has_health box starting # they failed, within the start period
    [ "$(last_code box)" = 1 ]
    [ "$(streak box)" = 0 ]
    b exec box touch /ok
    eventually 10 has_health box healthy
    [ "$(last_code box)" = 0 ]
    [[ $(last_output box) == *looked* ]]
    [[ $(b ps --format '{{.Status}}') == "Up "*" (healthy)" ]]
    [ "$(b ps -q --filter health=healthy | wc -l) $(b ps -q --filter health=starting | wc -l)" = "1 0" ]
    b exec box rm /ok
    eventually 10 has_health box unhealthy
    [ "$(streak box)" -ge 2 ]
    [[ $(b ps --format '{{.Status}}') == "Up "*" (unhealthy)" ]]
    [ "$(b ps -q --filter health=unhealthy | wc -l) $(b ps -q --filter health=none | wc -l)" = "1 0" ]
    eventually 10 streak_is_at_least box 7
    results_are box 5 # never more
    events=$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter container="$(field box '{{.Id}}')" --format '{{.Action}}')
    [ "$(grep '^health_status' <<<"$events" | tr '\n' ',')" = "health_status: healthy,health_status: unhealthy," ]
    grep -q '^exec_create: /bin/sh -c echo "looked"; test -e /ok$' <<<"$events"
    grep -q '^exec_start: /bin/sh -c' <<<"$events"
    grep -q '^exec_die$' <<<"$events"
    [ "$(field box '{{json .ExecIDs}}')" = null ] || eventually 5 test "$(field box '{{json .ExecIDs}}')" = null
}

# bats test_tags=vm
@test "a check that takes too long is killed with all its children: double forks, sessions, open output" {
    since=$(date +%s)
    # One check, soon, and the next in an hour.
    run_checked box 'echo begun; setsid sleep 7001 & (sleep 7002 & ) ; (setsid setsid sleep 7004 >/dev/null 2>&1 &) ; sleep 7003' --health-timeout "$limit" \
        --health-retries 1 --health-start-period 50ms --health-start-interval 50ms --health-interval 1h --init
    eventually 10 runs_once 'sleep 7004'
    dir=$(group_of box)
    [ -n "$dir" ]
    [ "$(inworld cat "$dir/cgroup.procs" | wc -l)" -ge 4 ]
    eventually 10 has_health box unhealthy
    for n in 7001 7002 7003 7004; do runs_not "sleep $n"; done # at once: it is not told before
    [ "$(inworld cat "$dir/cgroup.procs" | wc -l)" -eq 0 ]
    [ "$(results box) $(last_code box)" = "1 -1" ]
    [ "$(last_output box)" = "Health check exceeded timeout ($limit): begun" ]
    id=$(field box '{{.Id}}')
    [ "$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter container="$id" --filter event=exec_die --format '{{.Actor.Attributes.exitCode}}')" = 137 ]
    b stop -t 0 box
    ! inworld test -e "$dir"
}

@test "nothing of it is there when it is told, and it is not more with each" {
    run_checked box 'sleep 7101 & (setsid sleep 7102 >/dev/null 2>&1 &) ; sleep 7103' --health-timeout 100ms --health-interval 1h --health-start-period 1h --health-start-interval 100ms --init
    dir=$(group_of box)
    for _ in 1 2 3 4 5; do
        at=$(last_start box)
        eventually 10 checked_again box "$at"
        # The next one begins 100 ms later: until then there is none.
        n=$(pgrep -c -f -x 'sleep 710[123]' || :)
        [ "$n" -le 3 ]
    done
    b stop -t 0 box
    eventually 5 runs_not 'sleep 710[123]'
}

@test "what a check leaves behind by itself stays, and is not taken for the next one's" {
    run_checked box 'test -e /second && sleep 7203; pidof sleep | grep -q " " || (setsid sleep 7201 >/dev/null 2>&1 &)' --health-timeout 200ms --init
    eventually 10 has_health box healthy
    eventually 5 runs_once 'sleep 7201'
    b exec box touch /second
    eventually 10 streak_is_at_least box 2
    runs_once 'sleep 7201'
    b rm -f box
    runs_not 'sleep 7201'
}

@test "output has at most 4096 bytes; what is no text is made one; what cannot be run is told" {
    run_checked long 'head -c 9000 /dev/zero | tr "\0" x' --health-retries 1
    run_checked odd 'printf "a\000\377b"'
    b create --name no --network none busybox sleep 1000 >/dev/null
    api POST '/containers/create?name=cmd' '{"Image":"busybox","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"none"},"Healthcheck":{"Test":["CMD","/nosuch"],"Interval":50000000,"Retries":1}}'
    b start cmd
    eventually 10 has_health long healthy
    [ "$(field long '{{with index .State.Health.Log 0}}{{.Output}}{{end}}' | wc -c)" -eq $((4096 + 3 + 1)) ]
    eventually 10 has_health odd healthy
    [ "$(field odd '{{with index .State.Health.Log 0}}{{.Output}}{{end}}')" = "a��b" ]
    eventually 10 has_health cmd unhealthy
    [ "$(last_code cmd)" = -1 ]
    [[ $(last_output cmd) == *'"/nosuch"'*'no such file or directory'* ]]
    [ "$(field no '{{json .State.Health}}' 2>/dev/null || echo none)" != '{}' ]
}

# bats test_tags=vm
@test "pause rests the checks, stop ends them, start begins anew with the log kept" {
    run_checked box 'echo look'
    eventually 10 has_health box healthy
    b pause box
    at=$(last_start box)
    has_health box unhealthy # as Docker has it: nobody knows
    [[ $(b ps --format '{{.Status}}') == "Up "*" (Paused)" ]]
    sleep 0.3
    [ "$(last_start box)" = "$at" ]
    b unpause box
    eventually 10 has_health box healthy
    b stop -t 0 box
    has_health box unhealthy
    [ "$(b ps -aq --filter health=unhealthy | wc -l)" -eq 1 ]
    n=$(results box)
    [ "$n" -ge 1 ]
    at=$(last_start box)
    sleep 0.2
    [ "$(last_start box)" = "$at" ]
    b start box
    [ "$(results box)" -ge "$n" ]
    eventually 10 has_health box healthy
    b restart -t 0 box
    eventually 10 has_health box healthy
}

@test "a check that is in progress at a pause is ended with it" {
    run_checked box 'sleep 7301' --health-timeout 1h
    eventually 10 runs_once 'sleep 7301'
    b pause box
    b unpause box
    eventually 5 runs_once 'sleep 7301' # the next one, alone
    b rm -f box
    runs_not 'sleep 7301'
}

# Pids of the container's namespace that were given out so far.
pids_given() { inworld nsenter -t "$(init_pid "$1")" -p cat /proc/loadavg | awk '{ print $5 }'; }

# bats test_tags=vm
@test "tcp and http: checked from inside, with no process in the container" {
    b run -d --name web --health-http http://localhost:8080/ --health-interval 20ms --health-retries 1 busybox \
        httpd -f -p 127.0.0.1:8080 -h /var/www >/dev/null
    b run -d --name port --network none --health-tcp 8080 --health-interval 20ms --health-retries 1 busybox \
        httpd -f -p 127.0.0.1:8080 -h /var/www >/dev/null
    b run -d --name none --network none --health-tcp 127.0.0.1:8081 --health-interval 20ms --health-retries 1 busybox sleep 1000 >/dev/null
    b run -d --name missing --network none --health-http http://127.0.0.1:8080/nosuch --health-interval 20ms --health-retries 1 busybox \
        httpd -f -p 127.0.0.1:8080 -h /var/www >/dev/null
    eventually 10 has_health web healthy
    eventually 10 has_health port healthy
    eventually 10 has_health none unhealthy
    eventually 10 has_health missing unhealthy
    [[ $(last_output web) == *"HTTP/1."*" 200 OK"*"hello from berth"* ]]
    [[ $(last_output port) == *"connected to 127.0.0.1:8080"* ]]
    [[ $(last_output none) == *"connecting to 127.0.0.1:8081: Connection refused"* ]]
    [[ $(last_output missing) == *" 404 "* ]]
    [ "$(last_code none) $(last_code missing)" = "1 1" ]
    before=$(pids_given none)
    at=$(last_start none)
    for _ in 1 2 3; do
        eventually 5 checked_again none "$at"
        at=$(last_start none)
    done
    [ $(($(pids_given none) - before)) -eq 1 ] # our own look
    [ -z "$(group_of none)" ]
    [ "$(b events --since "$(($(date +%s) - 5))" --until "$(date +%s)" --filter event=exec_create -q 2>/dev/null | wc -l)" -eq 0 ]
}

@test "a server that does not answer is a time-out that says for what it waited" {
    b run -d --name box --network none --health-http http://localhost:8080/ --health-interval 300ms --health-timeout 200ms --health-retries 1 \
        busybox sh -c 'sleep 10000 | nc -l -p 8080 >/dev/null; sleep 1000' >/dev/null
    eventually 10 has_health box unhealthy
    eventually 10 sh -c "$BERTH inspect --format '{{json .State.Health.Log}}' box | grep -q 'Health check exceeded timeout (200ms): waiting for the answer of 127.0.0.1:8080'"
}

has_restarted() { [ "$(init_pid "$1")" != "$2" ] && [ "$(field "$1" '{{.State.Status}}')" = running ]; }
count_is_at_least() { [ "$(field "$1" '{{.RestartCount}}')" -ge "$2" ]; }
has_status() { [ "$(field "$1" '{{.State.Status}}')" = "$2" ]; }

# bats test_tags=vm
@test "on-unhealthy restart: after N failures, and its health is starting again" {
    since=$(date +%s)
    # It fails for ever in its first run only: what it writes stays in its layer.
    b run -d --network none --name box --init --health-cmd 'test -e /second' --health-interval 50ms --health-retries 3 --on-unhealthy restart \
        busybox sh -c 'test -e /first && touch /second; touch /first; sleep 1000' >/dev/null
    id=$(field box '{{.Id}}')
    p=$(init_pid box)
    eventually 15 has_restarted box "$p"
    eventually 10 has_health box healthy
    events=$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter container="$id" --format '{{.Action}}' | grep -v ^exec_)
    echo "$events"
    [ "$(tr '\n' ' ' <<<"$events")" = "create start health_status: unhealthy kill die stop start restart health_status: healthy " ]
    p=$(init_pid box)
    sleep 0.3
    [ "$(init_pid box)" = "$p" ]
}

@test "on-unhealthy kill: the restart policy decides; a label and an annotation say the same" {
    flags=(--network none --health-cmd false --health-interval 50ms --health-retries 2)
    b run -d --name always --restart always "${flags[@]}" --label berth.on-unhealthy=kill busybox sleep 1000 >/dev/null
    b run -d --name no "${flags[@]}" --on-unhealthy kill busybox sleep 1000 >/dev/null
    b run -d --name none "${flags[@]}" --on-unhealthy none busybox sleep 1000 >/dev/null
    api POST '/containers/create?name=noted' '{"Image":"busybox","Cmd":["sleep","1000"],"HostConfig":{"NetworkMode":"none","Annotations":{"berth.on-unhealthy":"kill"}},"Labels":{"berth.on-unhealthy":"none"},"Healthcheck":{"Test":["CMD","false"],"Interval":50000000,"Retries":1}}'
    b start noted
    eventually 10 count_is_at_least always 1
    eventually 10 has_status no exited
    eventually 10 has_status noted exited
    [ "$(field no '{{.State.ExitCode}}')" = 137 ]
    eventually 10 streak_is_at_least none 5
    has_status none running
    b stop -t 0 always
    has_status always exited
    sleep 0.3
    has_status always exited
}

@test "a stop that takes its time is not answered with a restart" {
    b run -d --network none --name box --health-cmd 'test ! -e /stopping' --health-interval 50ms --health-retries 1 --on-unhealthy restart \
        busybox sh -c 'trap "touch /stopping; sleep 1; exit 0" TERM; while :; do sleep 0.1; done' >/dev/null
    eventually 10 has_health box healthy
    b stop box
    sleep 0.5
    has_status box exited
}

# bats test_tags=vm
@test "kill -9 in the midst of a check: its processes end, the health is kept, the checks go on" {
    run_checked box 'test ! -e /hang || { setsid sleep 7401 & sleep 7402; }' --health-timeout 1h
    eventually 10 has_health box healthy
    b exec box touch /hang
    eventually 10 runs_once 'sleep 7401'
    daemon_kill
    eventually 5 runs_not 'sleep 740[12]'
    daemon_start
    has_health box healthy
    [ "$(results box)" -ge 1 ]
    eventually 10 runs_once 'sleep 7401'
    # The same with an end in order.
    daemon_stop
    eventually 5 runs_not 'sleep 740[12]'
    n=$(pgrep -c -f 'sleep 740' || :)
    [ "$n" -eq 0 ]
    daemon_start
    has_health box healthy
    b system check
}

@test "while the daemon is away nothing is checked, and unhealthy stays unhealthy" {
    run_checked box 'echo x >>/looks; false' --health-retries 2
    eventually 10 has_health box unhealthy
    root=/proc/$(init_pid box)/root
    daemon_kill
    sleep 0.2
    n=$(inworld cat "$root/looks" | wc -l)
    sleep 0.3
    [ "$(inworld cat "$root/looks" | wc -l)" = "$n" ]
    since=$(date +%s)
    daemon_start
    has_health box unhealthy
    [ "$(streak box)" -ge 2 ]
    eventually 10 sh -c "[ \$($BERTH exec box cat /looks | wc -l) -gt $n ]"
    has_health box unhealthy
}

@test "a check that hangs holds up nobody" {
    for i in 1 2 3 4 5 6 7 8; do run_checked "hang$i" 'sleep 7501' --health-timeout 1h; done
    run_checked good true
    eventually 10 has_health good healthy
    eventually 10 sh -c '[ "$(pgrep -c -f -x "sleep 7501")" = 8 ]'
    from=$(date +%s%N)
    for i in 1 2 3 4 5 6 7 8; do b inspect "hang$i" >/dev/null; done
    [ "$(b ps -q | wc -l)" -eq 9 ]
    b stop -t 0 hang1 hang2
    b rm -f hang3 hang4
    b exec hang5 true
    b kill hang6
    [ $((($(date +%s%N) - from) / 1000000)) -lt 5000 ]
    at=$(last_start good)
    eventually 5 checked_again good "$at"
    b rm -f hang1 hang2 hang5 hang6 hang7 hang8
    eventually 5 runs_not 'sleep 7501'
}

@test "a monitor that is stopped: the check counts as failed, and the rest goes on" {
    run_checked box true --health-timeout 100ms
    run_checked good true
    eventually 10 has_health box healthy
    shim=$(awk '/^PPid/ { print $2 }' "/proc/$(init_pid box)/status")
    kill -STOP "$shim"
    from=$(date +%s%N)
    b inspect box >/dev/null
    [ "$(b ps -q | wc -l)" -eq 2 ]
    [ $((($(date +%s%N) - from) / 1000000)) -lt 2000 ]
    at=$(last_start good)
    eventually 5 checked_again good "$at"
    eventually 15 sh -c "$BERTH inspect --format '{{json .State.Health.Log}}' box | grep -q 'monitor (berth-shim) does not say'"
    kill -CONT "$shim"
    at=$(last_start box)
    eventually 15 checked_again box "$at"
    eventually 10 has_health box healthy
}

# The least of many looks is that between two checks.
least() {
    for _ in $(seq 15); do "$@"; done | sort -n | head -1
}

@test "nothing grows: descriptors, memory, processes, zombies" {
    run_checked box 'echo x' --health-interval 5ms
    eventually 10 has_health box healthy
    pid=$(cat "$T/berthd.pid")
    shim=$(awk '/^PPid/ { print $2 }' "/proc/$(init_pid box)/status")
    fds() { ls "/proc/$1/fd" | wc -l; }
    threads() { ls "/proc/$pid/task" | wc -l; }
    rss() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
    sleep 0.5
    before="$(least fds "$pid") $(least threads) $(least fds "$shim")"
    kb=$(least rss "$shim")
    sleep 2
    [ "$(least fds "$pid") $(least threads) $(least fds "$shim")" = "$before" ]
    [ $(($(least rss "$shim") - kb)) -lt 300 ]
    zombies() { ps --ppid "$shim" --ppid "$pid" -o stat= | grep -c Z || :; }
    [ "$(least zombies)" -eq 0 ]
}

# bats test_tags=vm
@test "an image's check is inherited, and --no-healthcheck takes it away" {
    tar -C "$T" -cf "$T/e.tar" --files-from /dev/null
    b import --change 'HEALTHCHECK --interval=50ms --retries=1 CMD test -e /etc/passwd' "$(busybox_tar)" checked:1 >/dev/null
    b run -d --name yes --network none checked:1 sleep 1000 >/dev/null
    b run -d --name no --network none --no-healthcheck checked:1 sleep 1000 >/dev/null
    b run -d --name other --network none --health-retries 7 checked:1 sleep 1000 >/dev/null
    eventually 10 has_health yes healthy
    [ "$(field no '{{json .State}}' | grep -c Health)" -eq 0 ]
    [ "$(field other '{{json .Config.Healthcheck.Retries}} {{json .Config.Healthcheck.Interval}}')" = "7 50000000" ]
    eventually 10 has_health other healthy
    [[ $(b ps --filter name=no --format '{{.Status}}') != *health* ]]
    b rm -f yes no other >/dev/null
    b rmi checked:1 >/dev/null
}

@test "bad input is refused in words" {
    make() { api POST /containers/create "{\"Image\":\"busybox\",\"Cmd\":[\"true\"],$1}"; }
    refused() { # BODY WORDS
        run make "$1"
        [[ $output == *"$2"*400 ]] || { echo "$1: $output"; return 1; }
    }
    refused '"Healthcheck":{"Test":["CMD","x"],"Interval":100}' 'Interval in Healthcheck cannot be less than 1ms'
    refused '"Healthcheck":{"Timeout":-1}' 'Timeout in Healthcheck cannot be less than 1ms'
    refused '"Healthcheck":{"Retries":-1}' 'Retries in Healthcheck cannot be negative'
    refused '"Healthcheck":{"Retries":"x"}' 'expected an integer'
    refused '"Healthcheck":{"Test":"x"}' 'Test'
    refused '"Healthcheck":{"Test":["TCP","x.example:80"]}' 'is no address'
    refused '"Healthcheck":{"Test":["HTTP","ftp://localhost"]}' 'does not begin with http://'
    refused '"Labels":{"berth.on-unhealthy":"maybe"}' 'none, restart or kill'
    run make '"Healthcheck":{"Test":["MAYBE","x"]}'
    [[ $output == *"Unknown healthcheck type 'MAYBE'"*201 ]]
    run api GET '/containers/json?filters=%7B%22health%22%3A%5B%22ill%22%5D%7D'
    [[ $output == *"invalid filter 'health=ill'"*"none, starting, healthy, unhealthy"*400 ]]
    for words in "--health-interval -1s=cannot be negative" "--health-retries -1=cannot be negative" "--health-interval soon=a duration" \
        "--no-healthcheck --health-cmd x=conflicts with --health-" "--health-cmd x --health-tcp 80=a container has one check" \
        "--on-unhealthy reboot=none, restart or kill"; do
        # shellcheck disable=SC2086
        run b create ${words%=*} busybox true
        [ "$status" -eq 125 ]
        [[ $output == *"${words#*=}"* ]] || { echo "$words: $output"; return 1; }
    done
}
