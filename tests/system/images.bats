#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Archives of images in and out, prunes, lists, and what the disk holds.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
setup() {
    local x
    for x in $(b ps -aq); do b rm -fv "$x" >/dev/null; done
    for x in $(b volume ls -q); do b volume rm "$x" >/dev/null; done
    for x in $(b images --format '{{.Repository}}:{{.Tag}}' | grep -v '<none>'); do [ "$x" = busybox:latest ] || b rmi "$x" >/dev/null; done
    for x in $(b images -q -f dangling=true); do b rmi "$x" >/dev/null; done
}

archive() { python3 "$LIB/archives.py" "$1" "$(busybox_tar)" "$T/$1.tar"; }
trees() { find "$T/data/storage" "$T/data/blobs" "$T/data/tmp" -mindepth 1 -maxdepth 4 | sort; }
sound() { b system check --deep; }
disk() { (cd "$T/data" && du -s -c -B1 "$@") | awk 'END { print $1 }'; }
df_sum() { api GET /system/df | head -n 1 | jq "$1"; }

@test "a save is docker's archive and an OCI layout, the same bytes each time, with each layer once" {
    b tag busybox also:1
    b save busybox also:1 >"$T/a.tar"
    b save -o "$T/b.tar" busybox also:1
    cmp "$T/a.tar" "$T/b.tar"
    [ "$(stat -c %s "$T/a.tar")" -lt $(($(stat -c %s "$(busybox_tar)") + 65536)) ]
    tar -xOf "$T/a.tar" manifest.json | jq -e '.[0].RepoTags == ["busybox:latest", "also:1"]'
    tar -xOf "$T/a.tar" index.json | jq -e '[.manifests[].annotations["io.containerd.image.name"]] == ["docker.io/library/busybox:latest", "docker.io/library/also:1"]'
    tar -tf "$T/a.tar" | sort -c
    mkdir "$T/x"
    tar -C "$T/x" -xf "$T/a.tar"
    for f in "$T"/x/blobs/sha256/*; do [ "$(sha256sum <"$f" | cut -d' ' -f1)" = "$(basename "$f")" ]; done
    rm -r "$T/x"
    run b save nosuch
    [ "$status" -eq 1 ]
    [[ $output == *"No such image: nosuch:latest"* ]]
    refute b save -o "$T/c.tar" nosuch
    [ ! -e "$T/c.tar" ]
}

@test "what was saved loads again, whole and by all its names" {
    b tag busybox one/two:3
    id=$(b images -q --no-trunc busybox)
    b save one/two:3 | b load | grep -x 'Loaded image: one/two:3'
    b save -o "$T/a.tar" one/two:3 busybox
    b rmi one/two:3 busybox >/dev/null
    before=$(trees)
    [ "$(b load -i "$T/a.tar")" = "Loaded image: one/two:3
Loaded image: busybox:latest" ]
    [ "$(b images -q --no-trunc one/two | uniq)" = "$id" ]
    [ "$(b run --rm one/two:3 echo in)" = in ]
    sound
    b rmi one/two:3 >/dev/null
    b save "$id" >"$T/b.tar"
    tar -xOf "$T/b.tar" manifest.json | jq -e '.[0].RepoTags == null'
    gzip -1 <"$T/b.tar" | b load -q | grep -x "Loaded image ID: $id"
}

@test "docker's older and newer archives, and OCI layouts, load and run" {
    for kind in old new oci; do
        archive $kind
        before=$(trees)
        run b load -i "$T/$kind.tar"
        [ "$status" -eq 0 ]
        name=${output##*image: }
        [ "$(b run --rm "$name" sh -c 'cat /etc/second; ls -d /root 2>/dev/null; true')" = second ]
        [ "$(b inspect --format '{{.Config.Labels.mark}}' "$name")" = second ]
        sound
        for x in $(b images --format '{{.Repository}}:{{.Tag}}'); do [ "$x" = busybox:latest ] || b rmi "$x" >/dev/null; done
        [ "$(trees)" = "$before" ]
    done
}

@test "layers are kept as they came, and a recovery finds them" {
    archive oci
    b load -i "$T/oci.tar" >/dev/null
    b save oci.example/form:1 >"$T/a.tar"
    tar -xOf "$T/a.tar" manifest.json | grep -q 'tar+gzip'
    id=$(b images -q --no-trunc oci.example/form)
    b rmi busybox >/dev/null
    daemon_stop
    inworld "$BERTHD" --config "$T/daemon.conf" --recover
    daemon_start
    b tag "$id" back:1
    [ "$(b run --rm back:1 cat /etc/second)" = second ]
    sound
    b load -i "$T/a.tar" | grep -x 'Loaded image: oci.example/form:1'
    import_busybox
}

@test "a platform chooses" {
    archive oci-arm
    b load -i "$T/oci-arm.tar" --platform linux/arm64 >/dev/null
    [ "$(b inspect --format '{{.Architecture}} {{.Config.Labels.mark}}' oci.example/form:1)" = "arm64 arm" ]
    run b save --platform linux/amd64 oci.example/form:1
    [ "$status" -eq 1 ]
    [[ $output == *"does not provide the specified platform (linux/amd64)"* ]]
    b load -i "$T/oci-arm.tar" >/dev/null
    [ "$(b inspect --format '{{.Architecture}}' oci.example/form:1)" = amd64 ]
    run b load -i "$T/oci-arm.tar" --platform linux/s390x
    [ "$status" -eq 1 ]
    [[ $output == *"no image for the platform linux/s390x"* ]]
    run api GET "/images/busybox/history?platform=%7B%7D"
    [[ $output == *400* ]]
}

@test "hostile archives are refused in words and change nothing" {
    before=$(trees)
    while read -r kind words; do
        archive "$kind"
        run b load -i "$T/$kind.tar"
        echo "$kind: $output"
        [ "$status" -eq 1 ]
        [[ $output == *"$words"* ]]
        [ "$(trees)" = "$before" ]
    done <<'END'
no-table no image is in the archive
no-layer has no file bb/layer.tar
wrong-layer invalid diffID for layer 1
wrong-gzip invalid diffID: expected
wrong-blob its content has the digest
dotdot leads out of the archive
dotdot-table leads out of the archive
link-out no image is in the archive
huge larger than
media vnd.example.squashfs
END
    head -c 100000 /dev/urandom >"$T/noise"
    refute b load -i "$T/noise"
    archive old
    head -c 1500000 "$T/old.tar" | refute b load
    : | refute b load
    [ "$(trees)" = "$before" ]
    [ "$(b images -q | wc -l)" -eq 1 ]
    sound
}

@test "a client that leaves in the middle leaves nothing" {
    archive old
    before=$(trees)
    head -c 1000000 "$T/old.tar" >"$T/part"
    run timeout 10 curl -s --max-time 2 --unix-socket "$T/berth.sock" -H "Content-Length: 9000000" --data-binary @"$T/part" http://x/images/load
    [ "$status" -ne 0 ]
    same() { [ "$(trees)" = "$before" ]; }
    eventually 10 same
}

@test "large archives take disk, not memory" {
    mkdir -p "$T/big"
    head -c 96000000 /dev/zero | tr '\0' 'x' >"$T/big/file"
    tar -C "$T/big" -c . | b import - big:1 >/dev/null
    peak() { awk '/VmHWM/ { print $2 }' "/proc/$(cat "$T/berthd.pid")/status"; }
    echo 5 >"/proc/$(cat "$T/berthd.pid")/clear_refs"
    start=$(peak)
    b save -o "$T/big.tar" big:1
    b rmi big:1 >/dev/null
    b load -i "$T/big.tar" >/dev/null
    echo "# $start then $(peak) kB"
    [ $(($(peak) - start)) -lt 24000 ]
    [ "$(b run --rm -v "$T/big:/o" big:1 true 2>&1 | grep -c 'not found')" -eq 1 ]
    b rmi big:1 >/dev/null
    rm -r "$T/big" "$T/big.tar"
}

@test "loads and removals of the same image at once leave it whole" {
    archive old
    archive new
    for i in 1 2 3; do
        for n in 1 2 3 4; do
            b load -q -i "$T/old.tar" >/dev/null 2>&1 &
            b load -q -i "$T/new.tar" >/dev/null 2>&1 &
            b rmi -f new/form:1 >/dev/null 2>&1 &
            b save old/form:1 >/dev/null 2>&1 &
        done
        wait
    done
    b load -q -i "$T/old.tar" >/dev/null
    [ "$(b run --rm old/form:1 cat /etc/second)" = second ]
    sound
    b rmi old/form:1 old/form:2 >/dev/null
}

@test "history has each step with its size, as docker's" {
    archive old
    b load -i "$T/old.tar" >/dev/null
    [ "$(b history --format '{{.CreatedBy}} {{.Size}}|{{.Comment}}' old/form:1)" = "second 6B|above
ENV X=1 0B|
base 1.98MB|" ]
    [ "$(b history -q old/form:1 | sort -u | wc -l)" -eq 2 ]
    [ "$(b history --no-trunc -q old/form:1 | head -1)" = "$(b images -q --no-trunc old/form:1)" ]
    [ "$(b history -H=false --format '{{.Size}} {{.CreatedSince}}' old/form:1 | head -1)" = "6 2024-05-06T07:08:09Z" ]
}

@test "images are listed by each filter, with sizes and containers where that is asked" {
    archive old
    b load -i "$T/old.tar" >/dev/null
    names() { b images --format '{{.Repository}}:{{.Tag}}' "$@" | sort | tr '\n' ' '; }
    [ "$(names -f label=mark)" = "old/form:1 old/form:2 " ]
    [ "$(names -f label=mark=second -f reference='old/*:2')" = "old/form:2 " ]
    [ "$(names -f before=busybox)" = "old/form:1 old/form:2 " ]
    [ "$(names -f since=old/form:1)" = "busybox:latest " ]
    [ "$(names -f until=2025-01-01)" = "old/form:1 old/form:2 " ]
    [ "$(names -f until=0s | wc -w)" -eq 3 ]
    [ "$(names -f dangling=true)" = "" ]
    run api GET '/images/json?filters=%7B%22until%22%3A%5B%22moon%22%5D%7D'
    [[ $output == *"failed to parse value as time or duration"*400 ]]
    [ "$(api GET '/images/json' | head -n 1 | jq -c '[.[].SharedSize] | unique')" = "[-1]" ]
    b create --name box old/form:1 true >/dev/null
    api GET '/images/json?shared-size=1' | head -n 1 | jq -e 'map(select(.RepoTags[0] == "busybox:latest"))[0] | .SharedSize == .Size and .Containers == -1'
    api GET '/images/json?shared-size=1' | head -n 1 | jq -e 'map(select(.RepoTags[0] == "old/form:1"))[0] | .Size - .SharedSize == 6'
    api GET '/system/df?type=image' | head -n 1 | jq -e '.Images | map(select(.RepoTags[0] == "old/form:1"))[0] | .Containers == 1 and .Size > .SharedSize'
}

@test "rmi goes by docker's rules: names, ids, repositories, containers" {
    b tag busybox a/x:1
    b tag busybox b/y:1
    id=$(b images -q --no-trunc busybox)
    run b rmi "$id"
    [[ $output == *"must be forced"*"multiple repositories"* ]]
    b rmi a/x:1 b/y:1 | grep -x 'Untagged: a/x:1'
    b create --name box busybox true >/dev/null
    run b rmi busybox
    [[ $output == *"unable to remove repository reference \"busybox\" (must force)"* ]]
    run b rmi "$id"
    [[ $output == *"must be forced"*"stopped container"* ]]
    b rm box >/dev/null
    b run -d --name box busybox sleep 1000 >/dev/null
    run b rmi -f "$id"
    [[ $output == *"cannot be forced"*"running container"* ]]
    [ -n "$(b images -q busybox)" ]
}

@test "image prune takes what has no name, or with -a what nobody uses, and says what that gave back" {
    tar -C "$T" -cf "$T/t.tar" daemon.conf
    b import -c 'LABEL keep=yes' "$T/t.tar" >/dev/null
    b import "$T/t.tar" >/dev/null
    archive old
    b load -i "$T/old.tar" >/dev/null
    [ "$(b image prune -f --filter until=24h)" = "Total reclaimed space: 0B" ]
    run b image prune -f --filter 'label!=keep'
    [[ $output == "Deleted Images:
deleted: sha256:"* ]]
    [ "$(b images -qf dangling=true | wc -l)" -eq 1 ]
    echo n | b image prune | grep -q 'dangling images'
    [ "$(b images -qf dangling=true | wc -l)" -eq 1 ]
    echo y | b image prune >/dev/null
    [ -z "$(b images -qf dangling=true)" ]
    b create --name box busybox true >/dev/null
    was=$(disk storage blobs)
    run api POST '/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D'
    [ "$(head -n 1 <<<"$output" | jq -c '[.ImagesDeleted[].Untagged // empty]')" = '["old/form:1","old/form:2"]' ]
    gave=$(head -n 1 <<<"$output" | jq .SpaceReclaimed)
    now=$(disk storage blobs)
    [ $((was - now)) -ge "$gave" ]
    [ $((was - now - gave)) -lt 65536 ]
    [ "$(b images --format '{{.Repository}}')" = busybox ]
    b events --since 60s --until 0s --filter event=prune --filter type=image | grep -q reclaimed=
    run api POST '/images/prune?filters=%7B%22moon%22%3A%5B%221%22%5D%7D'
    [[ $output == *"invalid filter 'moon'"*400 ]]
    sound
}

@test "volume prune takes anonymous ones, or with -a all that nobody uses" {
    b volume create --label a=1 named >/dev/null
    anon=$(b volume create)
    b run -d --name box -v used:/u -v /anon busybox sleep 1000 >/dev/null
    [ "$(b volume prune -f --filter label=nosuch)" = "Total reclaimed space: 0B" ]
    head -c 100000 /dev/zero >"$T/data/volumes/$anon/_data/f"
    [ "$(b volume prune -f | sed -n 2p)" = "$anon" ]
    [ "$(b volume ls -q | wc -l)" -eq 3 ]
    [ "$(b volume prune -af --filter 'label!=a')" = "Total reclaimed space: 0B" ]
    [ "$(b volume prune -af | sed -n 2p)" = named ]
    [ "$(b volume ls -q -f dangling=true)" = "" ]
    [ "$(b volume ls -q -f name=us)" = used ]
    b volume create old >/dev/null
    api POST /v1.41/volumes/prune | grep -q '"VolumesDeleted":\["old"\]'
    run b volume rm used
    [[ $output == *"volume is in use - ["* ]]
    run b volume create a/b
    [[ $output == *"includes invalid characters for a local volume name"* ]]
    refute b volume rm nosuch
    b volume rm -f nosuch
    sound
}

@test "df says what du says, with logs" {
    archive oci
    b load -i "$T/oci.tar" >/dev/null
    b run -d --name box -v vol:/v busybox sh -c 'head -c 8000000 /dev/urandom | tee /v/f >/f; i=0; while [ $i -lt 20000 ]; do echo "a line of a log $i"; i=$((i+1)); done; sleep 1000' >/dev/null
    written() { b logs --tail 1 box | grep -q 19999; }
    eventually 20 written
    b create --name box2 -v /w oci.example/form:1 true >/dev/null
    sync -f "$T/data"
    said=$(df_sum '.LayersSize + ([.Containers[] | .SizeRw + .SizeLogs] | add) + ([.Volumes[].UsageData.Size] | add)')
    is=$(disk storage blobs containers volumes)
    echo "# df $said, du $is"
    [ "$said" -le "$is" ]
    [ $(((is - said) * 100)) -lt "$is" ]
    [ "$(df_sum '[.Containers[].SizeLogs] | max')" -gt 400000 ]
    [ "$(df_sum '[.Volumes[] | select(.Name == "vol")][0].UsageData | .RefCount')" -eq 1 ]
    [ "$(df_sum '.BuildCache | length')" -eq 0 ]
    api GET '/system/df?type=volume' | head -n 1 | jq -e '.Images == null and .Containers == null and (.Volumes | length) == 2'
    run api GET '/system/df?type=moon'
    [[ $output == *"unknown object type: moon"*400 ]]
    api GET /v1.41/system/df | head -n 1 | jq -e '.Images[0].VirtualSize == .Images[0].Size and .BuilderSize == 0'
    [ "$(b system df --format '{{.Type}}' | tr '\n' ' ')" = "Images Containers Local Volumes Build Cache Logs " ]
    b system df -v | grep -q '^vol  *1 '
    b system df | grep -q '^Containers  *2  *1 '
    b system df -v --format '{{range .Containers}}{{.Names}} {{end}}' | grep -q box
}
