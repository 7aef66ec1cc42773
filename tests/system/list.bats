#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The list of containers is kept, and is never older than what a client was told.
load ../lib/berth

setup_file() {
    world_up
    write_conf
    daemon_start
    import_busybox
}
teardown_file() {
    [ ! -e "$T/berthd.pid" ] || daemon_stop || :
    world_down
}

# shown FILTER: of all containers.
shown() { api GET "/containers/json?all=1${2:-}" | head -n 1 | jq -r "$1"; }
of() { shown ".[] | select(.Names == [\"/$1\"]) | $2"; }
# The list against inspect, the other way to the same rows.
agrees() {
    local id
    for id in $(shown '.[].Id'); do
        [ "$(api GET "/containers/$id/json" | head -n 1 | jq -c '[.Id, .Name, .State.Status, .Config.Labels, .HostConfig.NetworkMode, [.NetworkSettings.Networks[].IPAddress], [.Mounts[].Destination]]')" = \
            "$(shown ".[] | select(.Id == \"$id\") | [.Id, .Names[0], .State, .Labels, .HostConfig.NetworkMode, [.NetworkSettings.Networks[].IPAddress], [.Mounts[].Destination]]" | jq -c .)" ] ||
            { echo "list and inspect differ for $id"; return 1; }
    done
}

@test "every verb is seen by the next list" {
    local i
    for i in 1 2 3; do b create --name "v$i" --label "n=$i" -v "vol$i:/data" -p 127.0.0.1::80 busybox sleep 1000 >/dev/null; done
    [ "$(shown '[.[].Names[0]] | join(" ")')" = "/v3 /v2 /v1" ]
    [ "$(of v2 .State)/$(of v2 .Status)" = created/Created ]
    b start v2
    [ "$(of v2 .State)" = running ]
    [[ $(of v2 .Status) == "Up "* ]]
    [ "$(of v2 '.Ports[0].PublicPort')" -gt 0 ]
    agrees
    b pause v2
    [[ $(of v2 .Status) == *"(Paused)" ]]
    b unpause v2
    b restart -t 0 v2
    [ "$(of v2 .State)" = running ]
    b kill v2
    [ "$(of v2 .State)" = exited ]
    [[ $(of v2 .Status) == "Exited (137) "* ]]
    [ "$(of v2 '.Ports | length')" = 0 ]
    agrees
    b rm v2
    [ "$(shown '[.[].Names[0]] | join(" ")')" = "/v3 /v1" ]
    # A new daemon, too, and what ends without a verb.
    b start v1
    daemon_kill
    daemon_start
    [ "$(of v1 .State)" = running ]
    kill -KILL "$(init_pid v1)"
    eventually 20 sh -c "[ \"\$(curl -s --unix-socket '$T/berth.sock' 'http://x/containers/json' | jq length)\" = 0 ]"
    agrees
}

@test "filters, limit and size work on the kept list and beyond it" {
    [ "$(shown length '&filters=%7B%22label%22%3A%5B%22n%3D3%22%5D%7D')" = 1 ]
    [ "$(shown length '&filters=%7B%22volume%22%3A%5B%22vol1%22%5D%7D')" = 1 ]
    [ "$(shown length '&filters=%7B%22volume%22%3A%5B%22vol2%22%5D%7D')" = 0 ]
    [ "$(shown length '&filters=%7B%22network%22%3A%5B%22bridge%22%5D%7D')" = 2 ]
    [ "$(shown length '&filters=%7B%22exited%22%3A%5B%22137%22%5D%7D')" = 1 ]
    [ "$(shown length '&limit=1')" = 1 ]
    [ "$(shown '.[0] | has("SizeRw")')" = false ]
    [ "$(shown '[.[] | has("SizeRw") and has("SizeRootFs")] | all' '&size=1')" = true ]
}

@test "an older client gets the older form" {
    [ "$(api GET /v1.51/containers/json?all=1 | head -n 1 | jq '[.[].NetworkSettings.Networks.bridge | has("GwPriority")] | all')" = true ]
    [ "$(api GET /v1.41/containers/json?all=1 | head -n 1 | jq '[.[].NetworkSettings.Networks.bridge | has("GwPriority")] | any')" = false ]
    [ "$(api GET /v1.41/containers/json?all=1 | head -n 1 | jq length)" = 2 ]
}

@test "lists while containers come and go: no answer is torn or behind" {
    local i
    churn() {
        for i in $(seq 8); do
            b run --name "c$1-$i" busybox true
            [ "$(of "c$1-$i" .State)" = exited ] || return 1
            b rm "c$1-$i" >/dev/null
            [ -z "$(of "c$1-$i" .State)" ] || return 1
        done
    }
    churn 1 &
    local one=$!
    churn 2 &
    local two=$!
    while kill -0 $one 2>/dev/null || kill -0 $two 2>/dev/null; do
        api GET '/containers/json?all=1' | head -n 1 | jq -e 'type == "array"' >/dev/null
    done
    wait $one
    wait $two
    agrees
}
