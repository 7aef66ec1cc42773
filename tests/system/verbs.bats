#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rename, top, port, update, prune, sizes and the filters of lists: what the API answers, and what the kernel holds.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() {
    local ids
    ids=$(b ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || b rm -f $ids >/dev/null
}

slow() { b run -d --network none --name "$@" busybox sleep 1000 >/dev/null; }
ref() { field "$1" '{{.Id}}'; }
long_name() { head -c "$1" /dev/zero | tr '\0' a; }
# answers STATUS WORDS METHOD PATH [BODY]
answers() {
    run api "${@:3}"
    [ "${lines[-1]}" = "$1" ] && [[ $output == *"$2"* ]] || { echo "$output"; return 1; }
}
# group CONTAINER CONTROLLER: the directory of its control group, as the host sees it.
group() {
    local p
    p=$(init_pid "$1")
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        echo "/sys/fs/cgroup$(cut -d: -f3 "/proc/$p/cgroup")"
    else
        awk -F: -v c="$2" '$2 == c { print "/sys/fs/cgroup/" c $3 }' "/proc/$p/cgroup"
    fi
}
# limit CONTAINER memory|swap|cpu|shares|pids|cpuset: what the kernel holds, in one form for both versions.
limit() {
    local v2=
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || v2=yes
    case $v2$2 in
    memory) cat "$(group "$1" memory)/memory.limit_in_bytes" ;;
    yesmemory) cat "$(group "$1")/memory.max" ;;
    swap) cat "$(group "$1" memory)/memory.memsw.limit_in_bytes" ;;
    yesswap) echo $(($(cat "$(group "$1")/memory.swap.max") + $(cat "$(group "$1")/memory.max"))) ;;
    cpu) echo "$(cat "$(group "$1" cpu)/cpu.cfs_quota_us") $(cat "$(group "$1" cpu)/cpu.cfs_period_us")" ;;
    yescpu) cat "$(group "$1")/cpu.max" ;;
    shares) cat "$(group "$1" cpu)/cpu.shares" ;;
    yesshares) cat "$(group "$1")/cpu.weight" ;;
    pids) cat "$(group "$1" pids)/pids.max" ;;
    yespids) cat "$(group "$1")/pids.max" ;;
    cpuset) cat "$(group "$1" cpuset)/cpuset.cpus" ;;
    yescpuset) cat "$(group "$1")/cpuset.cpus" ;;
    esac
}
has_swap() { [ "$(b info --format '{{.SwapLimit}}')" = true ]; }

# --- rename

@test "rename: a container keeps its id and is found by its new name only" {
    slow one
    slow two
    id=$(ref one)
    since=$(date +%s.%N)
    b rename one three
    [ "$(ref three)" = "$id" ]
    refute b inspect one
    [ "$(b ps --format '{{.Names}}' | sort | xargs)" = "three two" ]
    b rename "${id:0:12}" /one
    [ "$(field one '{{.Name}}')" = /one ]
    events=$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter event=rename --format '{{.Actor.Attributes.oldName}}>{{.Actor.Attributes.name}}')
    [ "$(xargs <<<"$events")" = "/one>three /three>one" ]
    # The free name can be had at once; a new daemon knows the new ones.
    slow three
    daemon_kill
    daemon_start
    [ "$(ref one)" = "$id" ]
}

@test "rename refuses what is no name, taken, its own, or not there" {
    slow one
    slow two
    answers 409 'Error when allocating new name: Conflict. The container name \"/two\" is already in use by container \"'"$(ref two)"'\". You have to remove (or rename) that container to be able to reuse that name.' \
        POST '/containers/one/rename?name=two'
    answers 400 'Renaming a container with the same name as its current name' POST '/containers/one/rename?name=/one'
    answers 400 'Neither old nor new names may be empty' POST /containers/one/rename
    answers 404 'No such container: none' POST '/containers/none/rename?name=x1'
    for n in a '..' 'a/b' 'a%20b' '-a' '%C3%A4b' 'a%00b' "$(long_name 300)"; do
        answers 400 'only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed' POST "/containers/one/rename?name=$n"
    done
    b rename one "$(long_name 255)"
    b rename "$(long_name 255)" ab
    [ "$(b ps --format '{{.Names}}' | sort | xargs)" = "ab two" ]
}

# --- top, port

@test "top shows the container's processes and no others" {
    b run -d --network none --name box busybox sh -c 'sleep 1000 & sleep 1001; :' >/dev/null
    slow other
    eventually 10 sh -c "[ \$($BERTH top box -o pid | wc -l) -eq 4 ]"
    p=$(init_pid box)
    run b top box
    [[ ${lines[0]} == "UID "*" CMD" ]]
    [ "${#lines[@]}" -eq 4 ]
    [[ $output == *"sleep 1000"* ]] && [[ $output == *"sleep 1001"* ]]
    run b top box -o comm,pid
    [ "$(sed -n '2,$p' <<<"$output" | awk '{ print $2 }' | sort)" = "$(sort "$(group box pids)/cgroup.procs")" ]
    [ "$(b top other -eo pid | sed -n 2p)" = "$(init_pid other)" ]
    b pause box
    b top box | grep -q "$p"
    b unpause box
    [ "$(api GET '/containers/box/top?ps_args=aux' | head -n 1 | jq -c '.Titles[0:2]')" = '["USER","PID"]' ]
}

@test "top refuses what does not run and what ps does not know" {
    b create --name made busybox >/dev/null
    slow box
    answers 409 "Container $(ref made) is not running" GET /containers/made/top
    answers 404 'No such container: none' GET /containers/none/top
    answers 500 "Couldn't find PID field in ps output" GET '/containers/box/top?ps_args=-o+comm'
    answers 500 'specifying \"comm=PID\" is not allowed' GET '/containers/box/top?ps_args=-o+comm%3DPID'
    answers 500 'unknown gnu long option' GET '/containers/box/top?ps_args=--nonsense'
    answers 500 '' GET '/containers/box/top?ps_args=%3Bid'
    run b top made
    [ "$status" -eq 1 ]
}

@test "port: all mappings, one, and one that is not there" {
    b run -d --name box -p 127.0.0.1:18080:80 -p 127.0.0.1:18053:53/udp busybox sleep 1000 >/dev/null
    [ "$(b port box | xargs)" = "53/udp -> 127.0.0.1:18053 80/tcp -> 127.0.0.1:18080" ]
    [ "$(b port box 80)" = 127.0.0.1:18080 ]
    [ "$(b port box 53/udp)" = 127.0.0.1:18053 ]
    for p in 53 81 x 70000; do refute b port box $p; done
    slow quiet
    [ -z "$(b port quiet)" ]
}

# --- update

# bats test_tags=vm
@test "update: the kernel has the new limits at once, and after a restart" {
    slow box
    b update -m 64m --memory-swap 96m --cpus 0.5 --pids-limit 30 --cpuset-cpus 0 box
    look() {
        [ "$(limit box memory)" = 67108864 ] && [ "$(limit box cpu)" = "50000 100000" ] &&
            [ "$(limit box pids)" = 30 ] && [ "$(limit box cpuset)" = 0 ] || return 1
        ! has_swap || [ "$(limit box swap)" = 100663296 ]
    }
    look
    [ "$(field box '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpusetCpus}}')" = "67108864 500000000 30 0" ]
    b restart -t 0 box
    look
    # Lower, then without.
    b update -m 32m box
    [ "$(limit box memory)" = 33554432 ]
    b update --pids-limit -1 box
    [ "$(limit box pids)" = max ]
    [ "$(field box '{{.HostConfig.PidsLimit}}')" = 0 ]
    b update -c 2048 box
    [[ $(limit box shares) =~ ^(2048|79)$ ]] # as v1 has it, and as Docker reckons v2's weight
    b pause box
    b update --cpus 0.25 box
    [ "$(limit box cpu)" = "25000 100000" ]
    b unpause box
}

@test "update of a container that does not run, and of its restart policy" {
    b create --name made busybox sleep 1000 >/dev/null
    b update -m 64m --memory-swap -1 made
    b start made
    [ "$(limit made memory)" = 67108864 ]
    b run -d --network none --name dies busybox sh -c 'sleep 0.5; exit 1' >/dev/null
    since=$(date +%s.%N)
    b update --restart on-failure:2 dies
    [ "$(field dies '{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}')" = on-failure:2 ]
    again() { [ "$(field dies '{{.State.Status}} {{.RestartCount}}')" = "exited 2" ]; }
    eventually 20 again
    [ "$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter event=update --format '{{.Actor.Attributes.name}}')" = dies ]
}

@test "update refuses as Docker does, and changes nothing" {
    slow box
    b run -d --rm --network none --name brief busybox sleep 1000 >/dev/null
    id=$(ref box)
    before=$(field box '{{json .HostConfig}}')
    u() { answers "$1" "$2" POST "/containers/${4:-box}/update" "$3"; }
    u 404 'No such container: none' '{}' none
    u 400 'Minimum memory limit allowed is 6MB' '{"Memory": 1000}'
    u 400 'it cannot be negative' '{"Memory": -1}'
    u 409 "Cannot update container $id: Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time" '{"Memory": 67108864}'
    u 400 'Minimum memoryswap limit should be larger than memory limit, see usage' '{"Memory": 67108864, "MemorySwap": 33554432}'
    u 400 'You should always set the Memory limit when using Memoryswap limit' '{"MemorySwap": 67108864}'
    u 400 'MemorySwap' '{"MemorySwap": -2}'
    u 400 'Minimum memory reservation allowed is 6MB' '{"MemoryReservation": 1}'
    u 400 'CPUs is from 0.01 to' '{"NanoCpus": 999000000000}'
    u 400 'CPUs is from 0.01 to' '{"NanoCpus": -1}'
    u 400 'CPU cfs period can not be less than 1ms' '{"CpuPeriod": 1}'
    u 400 'CPU cfs quota can not be less than 1ms' '{"CpuQuota": 1}'
    u 400 'invalid CPU shares' '{"CpuShares": -1}'
    u 400 'Requested CPUs are not available - requested 0-4000' '{"CpusetCpus": "0-4000"}'
    u 400 'Invalid value abc for cpuset cpus' '{"CpusetCpus": "abc"}'
    u 400 'Requested memory nodes are not available' '{"CpusetMems": "77"}'
    u 400 'Range of blkio weight is from 10 to 1000' '{"BlkioWeight": 5000}'
    u 400 'expected an integer, got a string' '{"Memory": "x"}'
    u 400 'unknown policy' '{"RestartPolicy": {"Name": "sometimes"}}'
    u 400 'maximum retry count' '{"RestartPolicy": {"Name": "always", "MaximumRetryCount": 3}}'
    u 400 'cannot be negative' '{"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": -1}}'
    u 409 'Restart policy cannot be updated because AutoRemove is enabled for the container' '{"RestartPolicy": {"Name": "always"}}' brief
    u 400 'invalid JSON' '{"Memory": '
    u 400 'a body' ''
    [ "$(field box '{{json .HostConfig}}')" = "$before" ]
    [ "$(field brief '{{.HostConfig.RestartPolicy.Name}}')" = no ]
    u 200 'Ulimits cannot be updated' '{"Ulimits": [{"Name": "nofile", "Soft": 1, "Hard": 1}]}'
    u 200 '"Warnings":null' '{}'
    b update --cpus 0.5 box
    u 409 'Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set' '{"CpuQuota": 20000}'
    u 409 'Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set' '{"CpuPeriod": 20000}'
    run b update box
    [ "$status" -eq 1 ] && [[ $output == *"you must provide one or more flags"* ]]
    for f in "-m x" "--cpus abc" "-c x" "--restart always:x"; do
        # shellcheck disable=SC2086
        run b update $f box
        [ "$status" -eq 125 ]
    done
}

@test "update: what the kernel refuses leaves all limits and the row as they were" {
    b run -d --network none --name box -m 128m --memory-swap 128m --pids-limit 50 busybox sh -c 'dd if=/dev/zero of=/dev/shm/f bs=1M count=40 && sleep 1000' >/dev/null
    eventually 20 b exec box sh -c '[ "$(du -m /dev/shm/f | cut -f1)" -ge 40 ]'
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then skip "v2 reclaims, or ends the container; it does not refuse"; fi
    answers 500 "Cannot update container $(ref box)" POST /containers/box/update '{"Memory": 8388608, "MemorySwap": 8388608, "PidsLimit": 20, "CpuShares": 512}'
    [ "$(limit box memory) $(limit box pids) $(limit box shares)" = "134217728 50 1024" ]
    [ "$(field box '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}} {{.State.Status}}')" = "134217728 50 0 running" ]
}

# --- prune

@test "container prune removes what does not run, and by its filters" {
    slow runs
    b create --name old --label keep=no --label x busybox >/dev/null
    b run --name ended --network none --label keep=yes busybox sh -c 'head -c 100000 /dev/zero >/f'
    answers 400 "invalid filter 'status'" POST '/containers/prune?filters=%7B%22status%22%3A%5B%22exited%22%5D%7D'
    answers 400 'failed to parse value as time or duration' POST '/containers/prune?filters=%7B%22until%22%3A%5B%22abc%22%5D%7D'
    answers 400 'more than one until filter' POST '/containers/prune?filters=%7B%22until%22%3A%5B%221h%22%2C%222h%22%5D%7D'
    [ "$(b container prune -f --filter until=1h)" = "Total reclaimed space: 0B" ]
    [ "$(b container prune -f --filter label=nosuch)" = "Total reclaimed space: 0B" ]
    [ "$(b container prune -f --filter 'label!=keep' --filter 'label!=x')" != "" ]
    [ "$(b ps -aq | wc -l)" -eq 2 ]
    [ -z "$(b ps -aq --filter name=ended)" ]
    [[ $(echo n | b container prune) == *"Are you sure you want to continue? [y/N] " ]]
    b ps -aq --filter name=old | grep -q .
    since=$(date +%s.%N)
    run b container prune -f --filter label=keep=no --filter until=0s
    [ "${lines[0]}" = "Deleted Containers:" ]
    [[ ${lines[-1]} == "Total reclaimed space: "* ]]
    [ "$(b ps -a --format '{{.Names}}')" = runs ]
    [ "$(b events --since "$since" --until "$(($(date +%s) + 1))" --filter event=prune --format '{{.Type}} {{.Actor.Attributes.reclaimed}}' | wc -l)" -eq 1 ]
}

@test "prune says what it gave back: sizes of ps and inspect" {
    b run --name big --network none busybox sh -c 'head -c 3000000 /dev/zero >/f'
    rw=$(api GET '/containers/json?all=1&size=1' | head -n 1 | jq '.[0].SizeRw')
    [ "$rw" -ge 3000000 ] && [ "$rw" -lt 3300000 ]
    [ "$(b inspect --size big | jq '.[0].SizeRw')" = "$rw" ]
    [ "$(b inspect --size big | jq '.[0].SizeRootFs')" -gt $((rw + 500000)) ]
    [[ $(b ps -as --format '{{.Size}}') == "3"*"MB (virtual "*"MB)" ]]
    [ "$(api POST /containers/prune | head -n 1 | jq .SpaceReclaimed)" = "$rw" ]
}

# --- filters

names() { curl -sG --unix-socket "$T/berth.sock" "http://x/containers/json" -d "all=${2:-1}" --data-urlencode "filters=$1" | jq -r '[.[].Names[0]] | sort | join(" ")'; }
refused() { curl -sG --unix-socket "$T/berth.sock" -w '%{http_code}' "http://x/containers/json" --data-urlencode "filters=$1" | tail -n 1 | grep -qx "$2"; }

@test "the filters of the list" {
    b tag busybox other:1
    b run --name ended --network none busybox sh -c 'exit 3' || :
    slow runs --label x=1 -v /data
    b create --name made --label x --expose 90-92/udp other:1 >/dev/null
    b run -d --name web -p 127.0.0.1:18080:80 busybox sleep 1000 >/dev/null
    [ "$(names '{}' 0)" = "/runs /web" ]
    [ "$(names '{"status": ["exited", "created"]}' 0)" = "/ended /made" ]
    [ "$(names '{"exited": ["3"]}')" = /ended ]
    [ "$(names '{"exited": ["3"]}' 0)" = "" ]
    [ "$(names '{"exited": ["0"]}')" = "" ]
    [ "$(names '{"ancestor": ["other:1"]}')" = "/ended /made /runs /web" ]
    [ "$(names '{"ancestor": ["nosuch"]}')" = "" ]
    [ "$(names '{"ancestor": ["nosuch", "busybox"], "name": ["made"]}')" = /made ]
    [ "$(names '{"before": ["made"]}')" = "/ended /runs" ]
    [ "$(names '{"since": ["made"]}')" = "/web" ]
    [ "$(names '{"before": ["made"]}' 0)" = "/runs" ]
    [ "$(names '{"label": ["x"]}')" = "/made /runs" ]
    [ "$(names '{"label": ["x=1"]}')" = /runs ]
    [ "$(names '{"volume": ["/data"]}')" = /runs ]
    [ "$(names '{"network": ["none"]}')" = "/ended /runs" ]
    [ "$(names '{"publish": ["18000-18090"]}')" = /web ]
    [ "$(names '{"expose": ["80"]}')" = /web ]
    [ "$(names '{"name": ["^/r", "ended"]}')" = "/ended /runs" ]
    [ "$(names '{"name": ["["]}')" = "" ]
    [ "$(names "{\"id\": [\"$(ref made | head -c 12)\"]}")" = /made ]
    [ "$(names '{"is-task": ["false"]}' 0)" = "/runs /web" ]
    [ "$(names '{"is-task": ["true"]}')" = "" ]
    [ "$(names '{"isolation": ["default"]}' 0)" = "/runs /web" ]
    [ "$(names '{"health": ["none"]}' 0)" = "/runs /web" ]
    [ "$(names '{"status": []}' 0)" = "/runs /web" ]
    [ "$(api GET '/containers/json?limit=1' | head -n 1 | jq -r '.[].Names[0]')" = /web ]
    [ "$(api GET '/containers/json?limit=3' | head -n 1 | jq length)" = 3 ]
    [ "$(api GET '/containers/json?limit=-1' | head -n 1 | jq length)" = 2 ]
    b rmi other:1 >/dev/null
}

@test "filters that are none" {
    for f in '{"foo": ["x"]}' '{"status": ["bogus"]}' '{"exited": ["abc"]}' '{"health": ["bogus"]}' '{"is-task": ["x"]}' '{"is-task": ["true", "false"]}' \
        '{"publish": ["abc"]}' '{"expose": ["90-80"]}' '{"label!": ["x"]}' '{"name": "x"}' '{"name": [1]}' '[]' 'x' '{"foo": []}'; do
        refused "$f" 400 || { echo "$f"; return 1; }
    done
    refused '{"before": ["nosuch"]}' 404
    refused '{"since": ["nosuch"]}' 404
    [ "$(api_status GET '/containers/json?limit=abc')" = 400 ]
    [ "$(api_status GET '/events?until=1&filters=%7B%22foo%22%3A%5B%22x%22%5D%7D')" = 400 ]
    for k in config container daemon event image label network node plugin scope secret service type volume; do
        [ "$(api_status GET "/events?until=1&filters=%7B%22$k%22%3A%5B%22x%22%5D%7D")" = 200 ]
    done
}
