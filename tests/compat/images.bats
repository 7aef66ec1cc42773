#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Archives of images, prunes and disk usage with docker's client, and with python3-docker.
load ../lib/berth
load recorded

setup_file() {
    recorded_up images
    daemon_start
    import_busybox
}
teardown_file() { recorded_down; }

@test "docker save | docker load, of several images" {
    docker tag busybox one:1
    docker tag busybox two:2
    docker save one:1 two:2 | docker load >"$T/out"
    [ "$(sort "$T/out")" = "Loaded image: one:1
Loaded image: two:2" ]
    docker image save -o "$T/a.tar" one two:2
    docker rmi one:1 two:2 >/dev/null
    docker image load -q -i "$T/a.tar" | grep -x 'Loaded image: one:1'
    [ "$(docker run --rm two:2 echo in)" = in ]
    [ "$(docker history -q one:1)" = "$(docker images -q one:1)" ]
    docker history --no-trunc --human=false one:1 | grep -q 'Imported from -'
    run docker load -i /etc/hostname
    [ "$status" -ne 0 ]
    docker events --since 60s --until $(($(date +%s) + 1)) --filter type=image --format '{{.Action}}' | grep -qx load
    docker rmi one:1 two:2 >/dev/null
}

@test "docker image prune, volume prune, system df -v" {
    tar -C "$T" -cf "$T/t.tar" daemon.conf
    docker import "$T/t.tar" >/dev/null
    docker image prune -f | grep -q '^Total reclaimed space: [1-9]'
    docker import "$T/t.tar" gone:1 >/dev/null
    docker create --name box -v /anon busybox true >/dev/null
    docker volume create named >/dev/null
    docker system df | grep -q '^Containers  *1  *0 '
    docker system df -v | grep -q '^gone  *1 '
    docker system df -v | grep -q '^named  *0 '
    docker system df --format '{{.Type}}: {{.Reclaimable}}' | grep -q '^Images: '
    docker image prune -af | grep -qx 'untagged: gone:1'
    docker rm box >/dev/null
    docker volume prune -f | grep -c '^[0-9a-f]\{64\}$'
    [ "$(docker volume ls -q)" = named ]
    docker volume prune -af | grep -qx named
}

@test "docker system prune" {
    docker create --name box busybox true >/dev/null
    docker system prune -f | grep -q '^Deleted Containers:'
    docker volume create >/dev/null
    docker system prune -af --volumes >"$T/out"
    grep -qx 'untagged: busybox:latest' "$T/out"
    grep -qx 'Deleted Volumes:' "$T/out"
    import_busybox
}

@test "python3-docker loads, saves, prunes, and asks for df" {
    python3 - "$T" <<'PY'
import sys, docker
c = docker.DockerClient(base_url=f"unix://{sys.argv[1]}/berth.sock")
image = c.images.get("busybox:latest")
image.tag("py", "1")
image.reload()
data = b"".join(image.save(named="py:1"))
c.images.remove("py:1")
(loaded,) = c.images.load(data)
assert loaded.tags == ["busybox:latest", "py:1"], loaded.tags
assert loaded.history()[0]["Size"] > 1000000
try:
    c.images.load(b"no archive")
    raise SystemExit("a load of nothing must fail")
except docker.errors.ImageLoadError as e:
    assert "tar" in str(e), e
assert c.images.prune()["SpaceReclaimed"] == 0
c.volumes.create()
assert len(c.volumes.prune()["VolumesDeleted"]) == 1
df = c.df()
assert df["LayersSize"] > 1000000 and df["BuildCache"] == []
c.images.remove("py:1")
PY
}

@test "skopeo reads what is saved and writes what loads" {
    command -v skopeo >/dev/null || skip "no skopeo"
    copy() { skopeo --insecure-policy copy -q "$@"; }
    docker save -o "$T/a.tar" busybox
    skopeo --insecure-policy inspect "docker-archive:$T/a.tar" | grep -q '"Os": "linux"'
    copy "docker-archive:$T/a.tar" "oci-archive:$T/o.tar:sk.example/oci:1"
    copy "oci-archive:$T/a.tar:latest" "docker-archive:$T/d.tar:sk.example/docker:1"
    docker load -i "$T/o.tar" | grep -x 'Loaded image: sk.example/oci:1'
    docker load -i "$T/d.tar" | grep -x 'Loaded image: sk.example/docker:1'
    [ "$(docker run --rm sk.example/oci:1 echo in)" = in ]
    docker rmi sk.example/oci:1 sk.example/docker:1 >/dev/null
}
