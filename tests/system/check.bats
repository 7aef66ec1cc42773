#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# berth system check: finds what does not fit, repairs what it may, and leaves data alone.
load ../lib/berth

setup() {
    world_up
    daemon_start
    import_busybox
    b run -d --name box -p 18081:80 -v named:/data busybox httpd -f -h /var/www >/dev/null
    b exec box sh -c 'echo kept >/data/f; echo kept >/root/f'
    id=$(b inspect -f '{{.Id}}' box)
    instance=$(cat "$T/data/instance")
    clean
}
teardown() { world_down; }

kinds() { b system check "$@" --format '{{range .Findings}}{{.Kind}} {{end}}' | xargs; }
clean() {
    run b system check --deep
    [ "$status" -eq 0 ] || {
        echo "$output"
        return 1
    }
}
finds() { # finds KIND: that and nothing else; the exit code says so
    run b system check --format '{{range .Findings}}{{.Kind}} {{end}}'
    [ "$status" -eq 1 ]
    [ "$(echo "$output" | xargs)" = "$1" ] || {
        b system check
        return 1
    }
}
repairs() { # repairs KIND: found, repaired, gone
    finds "$1"
    run b system check --repair
    [ "$status" -eq 0 ] || {
        echo "$output"
        return 1
    }
    [[ $output == *"$1"*"(repaired)"* ]]
    clean
    serves
}
serves() { [[ $(innet curl -s --max-time 2 http://127.0.0.1:18081/) == *"hello from berth"* ]]; }
cgroup_dir() { inworld find /sys/fs/cgroup -type d -name "$1" | head -n 1; }

@test "all fits: exit code 0; no daemon: 2; an unknown option: neither" {
    run b system check
    [ "$status" -eq 0 ]
    [[ $output == *"1 Containers"*"1 Volumes"*"0 findings"* ]]
    [ "$(b system check --format json | jq -c '.Findings, .Busy')" = $'[]\n0' ]
    run b -H "unix://$T/nobody.sock" system check
    [ "$status" -eq 2 ]
    [ "$(api_status GET '/v1.51/berth/system/check?repair=1')" = 400 ]
    [ "$(api_status POST '/v1.51/berth/system/check?repair=1')" = 200 ]
    run b system check --help
    [[ $output == *"--repair"* ]]
}

@test "things of this instance that nobody has: a link, a control group, a run directory, a firewall element" {
    innet ip link add "b${instance}abcdef" type bridge
    repairs link-stray
    g=$(dirname "$(cgroup_dir "$id")")
    stray=$(echo "$id" | tr '0-9a-f' '1-9a-f0')
    inworld mkdir "$g/$stray"
    repairs control-group-stray
    mkdir "$T/run/c/0123456789abcdef"
    repairs run-directory-stray
    innet nft add element inet "berth-$instance" ports '{ tcp . 4711 : 172.29.0.9 . 80 }'
    repairs port-stray
    [ -z "$(innet nft list map inet "berth-$instance" ports | grep 4711)" ]
}

@test "a published port whose element is gone comes back" {
    innet nft delete element inet "berth-$instance" ports '{ tcp . 18081 }'
    finds port-missing
    repairs port-missing
}

@test "a container's record, directory entry and freezer" {
    : >"$T/data/containers/$id/plan.json"
    repairs container-record-unusable
    echo FROZEN >"$(inworld true && echo /proc/$(cat "$T/world.pid")/root$(inworld find /sys/fs/cgroup -path '*freezer*' -type d -name "$id"))/freezer.state" 2>/dev/null ||
        skip "no freezer of version 1"
    finds freezer-differs
    run b system check --repair
    [ "$status" -eq 0 ]
    [ "$(field box '{{.State.Status}}')" = paused ]
    b unpause box
    clean
}

@test "directories without rows: a volume is adopted, a container's goes to lost+found" {
    mkdir -p "$T/data/volumes/found/_data"
    echo data >"$T/data/volumes/found/_data/f"
    repairs volume-stray
    [ "$(b run --rm -v found:/d busybox cat /d/f)" = data ]
    stray=$(echo "$id" | tr '0-9a-f' '1-9a-f0')
    mkdir "$T/data/containers/$stray"
    echo log >"$T/data/containers/$stray/x"
    repairs container-directory-stray
    [ "$(cat "$T"/data/lost+found/container-"$stray"-*/x)" = log ]
}

@test "an image's configuration is written again; a blob that was changed is found" {
    image=$(b images -q --no-trunc)
    rm "$T/data/blobs/sha256/${image#sha256:}"
    repairs configuration-missing
    [ "sha256:$(sha256sum "$T/data/blobs/sha256/${image#sha256:}" | cut -d' ' -f1)" = "$image" ]
    blob=$(find "$T/data/blobs/sha256" -type f -size +100k)
    printf x | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
    [ -z "$(kinds)" ]
    run b system check --deep
    [ "$status" -eq 1 ]
    [[ $output == *blob-damaged* ]]
}

@test "lost data is told and nothing is deleted: a volume, a writable layer, strange blobs and layers" {
    b create --name extra -v other:/x busybox true >/dev/null
    mv "$T/data/volumes/other" "$T/kept"
    finds volume-missing
    run b system check --repair
    [ "$status" -eq 1 ]
    mv "$T/kept" "$T/data/volumes/other"
    echo strange >"$T/strange"
    cp "$T/strange" "$T/data/blobs/sha256/$(sha256sum <"$T/strange" | cut -d' ' -f1)"
    finds blob-stray
    run b system check --repair
    [ "$status" -eq 1 ]
    [ -e "$T/data/blobs/sha256/$(sha256sum <"$T/strange" | cut -d' ' -f1)" ]
    rm "$T/data/blobs/sha256/$(sha256sum <"$T/strange" | cut -d' ' -f1)"
    [ "$(b exec box cat /data/f /root/f | xargs)" = "kept kept" ]
    clean
}

@test "a removal that failed half-way is finished, as it was asked for" {
    b create --name extra -v /anon busybox true >/dev/null
    e=$(b inspect -f '{{.Id}}' extra)
    daemon_stop
    inworld sqlite3 "$T/data/berth.db" "UPDATE container SET status = 'dead' WHERE name = 'extra'" >/dev/null
    daemon_start
    repairs removal-unfinished
    refute b inspect extra 2>/dev/null
    [ ! -e "$T/data/containers/$e" ]
}

@test "beside verbs at work it finds nothing" {
    local jobs
    (for i in 1 2 3 4 5 6; do b run --rm -p 80 -v /anon busybox true; done) &
    jobs=$!
    (for i in 1 2 3; do b restart -t 0 box >/dev/null; done) &
    jobs+=" $!"
    (for i in 1 2 3 4; do tar -C "$T" -c daemon.conf | b import - "i:$i" >/dev/null && b rmi "i:$i" >/dev/null; done) &
    jobs+=" $!"
    for i in $(seq 30); do
        run b system check --repair
        [ "$status" -eq 0 ] || {
            echo "$output"
            return 1
        }
        [[ $output != *repaired* ]] || {
            echo "$output"
            return 1
        }
    done
    # shellcheck disable=SC2086
    wait $jobs
    clean
    eventually 10 serves
}
