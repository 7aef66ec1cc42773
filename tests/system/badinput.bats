#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What bad input gets: an error that names the thing, Docker's status, and the state as it was.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
setup() { before=$(objects); }
teardown() { [ "$(objects)" = "$before" ] || diff <(echo "$before") <(objects); }

# Files, rows, and what the kernel holds.
objects() {
    find "$T/data" "$T/run" -mindepth 1 -maxdepth 3 ! -name 'berth.db*' ! -path '*/tmp/*' ! -path '*/netd/state' | sort | cksum
    b ps -aq
    b images -q
    innet ip -o link | wc -l
    inworld cat /proc/self/mountinfo | wc -l
    inworld find /sys/fs/cgroup -type d | wc -l
}
create() { api POST "/v1.51/containers/create${2:-}" "$1"; }
# expect STATUS WORDS...: of $output as api() prints it
expect() {
    [ "${lines[-1]}" = "$1" ] || { echo "$output"; return 1; }
    local w
    for w in "${@:2}"; do
        [[ $output == *"$w"* ]] || { echo "no '$w' in: $output"; return 1; }
    done
    [ "$1" -lt 400 ] || jq -e .message <<<"${lines[0]}" >/dev/null
}

@test "malformed JSON, a wrong type, no body, a wrong content type" {
    run create '{"Image": '
    expect 400
    run create '{"Image": "busybox", "Tty": "yes"}'
    expect 400 Tty
    run create '{"Image": "busybox", "HostConfig": {"Memory": "lots"}}'
    expect 400 Memory
    run create '[]'
    expect 400
    run api POST /v1.51/containers/create ''
    expect 400
    run curl -s --unix-socket "$T/berth.sock" -X POST -H 'Content-Type: text/plain' -d '{}' -w '\n%{http_code}\n' http://x/v1.51/containers/create
    expect 400
}

@test "an unknown image, container, network, volume, exec, path and version" {
    run create '{"Image": "nosuch:1"}'
    expect 404 nosuch:1
    run api GET /v1.51/containers/nosuch/json
    expect 404 nosuch
    run api GET /v1.51/networks/nosuch
    expect 404 nosuch
    run api GET /v1.51/volumes/nosuch
    expect 404 nosuch
    run api GET /v1.51/exec/nosuch/json
    expect 404 nosuch
    run api GET /v1.51/images/nosuch/json
    expect 404 nosuch
    run api GET /v1.51/no/such/page
    expect 404
    run api GET /v1.99/info
    expect 400 1.99 1.51
    run api GET /v1.10/info
    expect 400 1.10 1.24
    run api POST "/v1.51/images/create?fromImage=ubuntu&tag=latest"
    expect 404
}

@test "a name in use, and one that cannot be a name" {
    id=$(api POST "/v1.51/containers/create?name=taken" '{"Image":"busybox"}' | head -n 1 | jq -r .Id)
    run create '{"Image":"busybox"}' '?name=taken'
    expect 409 taken "$id"
    run create '{"Image":"busybox"}' '?name=-bad%20name'
    expect 400 "-bad name"
    [ "$(api_status DELETE /v1.51/containers/taken)" = 204 ]
}

@test "values that cannot be: memory, ports, mounts, capabilities, users, signals" {
    run create '{"Image":"busybox","HostConfig":{"Memory":1000}}'
    expect 400 emory
    run create '{"Image":"busybox","HostConfig":{"PortBindings":{"80/xyz":[{"HostPort":"80"}]}}}'
    expect 400 xyz
    run create '{"Image":"busybox","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"99999"}]}}}'
    expect 400 99999
    run create '{"Image":"busybox","HostConfig":{"Binds":["relative/path:relative"]}}'
    expect 400 relative
    run create '{"Image":"busybox","HostConfig":{"CapAdd":["NOSUCHCAP"]}}'
    expect 400 NOSUCHCAP
    run create '{"Image":"busybox","HostConfig":{"NetworkMode":"nosuchnet"}}'
    [ "${lines[-1]}" -ge 400 ]
    [[ $output == *nosuchnet* ]]
    run create '{"Image":"busybox","StopSignal":"SIGNOPE"}'
    expect 400 SIGNOPE
    run create '{"Image":"busybox","HostConfig":{"LogConfig":{"Type":"nosuchlog","Config":{}}}}'
    expect 400 nosuchlog
    run create '{"Image":"busybox","HostConfig":{"Runtime":"nosuchruntime"}}'
    expect 400 nosuchruntime
}

@test "archives that are truncated, or that point out of their root" {
    tar=$(busybox_tar)
    import() { curl -s --unix-socket "$T/berth.sock" -X POST -T "$1" -w '\n%{http_code}\n' "http://x/v1.51/images/create?fromSrc=-&repo=evil"; }
    head -c 300000 "$tar" >"$T/cut.tar"
    run import "$T/cut.tar"
    [[ $output == *runcated* ]]
    python3 - "$T" <<'P'
import io, sys, tarfile
d = sys.argv[1]
def make(name, *members):
    with tarfile.open(f"{d}/{name}.tar", "w") as t:
        for m in members:
            i = tarfile.TarInfo(m[0])
            if len(m) > 1 and m[1] == "sym":
                i.type, i.linkname = tarfile.SYMTYPE, m[2]
                t.addfile(i)
            elif len(m) > 1 and m[1] == "hard":
                i.type, i.linkname = tarfile.LNKTYPE, m[2]
                t.addfile(i)
            else:
                i.size = 3
                t.addfile(i, io.BytesIO(b"bad"))
make("dotdot", ("../../escaped",))
make("symout", ("link", "sym", "/../../../../../../" + d.lstrip("/") + "/out"), ("link/escaped",))
make("hardout", ("h", "hard", "../../../../etc/passwd"))
make("hardabs", ("h", "hard", "/etc/passwd"))
make("absolute", (d + "/out/absolute",))
P
    mkdir -p "$T/out"
    for t in dotdot hardout hardabs; do
        run import "$T/$t.tar"
        [[ ${lines[-1]} -ge 400 || $output == *error* ]]
    done
    import "$T/symout.tar" >/dev/null
    import "$T/absolute.tar" >/dev/null
    [ ! -e "$T/escaped" ]
    [ -z "$(ls -A "$T/out")" ]
    api DELETE "/v1.51/images/evil?force=1" >/dev/null
}

@test "what is no archive, or a cut one in a compression" {
    tar=$(busybox_tar)
    gzip -c "$tar" | head -c 200000 >"$T/cut.tar.gz"
    head -c 100000 /dev/urandom >"$T/noise"
    for t in cut.tar.gz noise; do
        run curl -s --unix-socket "$T/berth.sock" -X POST -T "$T/$t" -w '\n%{http_code}\n' "http://x/v1.51/images/create?fromSrc=-&repo=evil"
        [[ ${lines[-1]} -ge 400 || $output == *error* ]]
    done
    run api GET /v1.51/images/evil/json
    expect 404 evil
}

@test "verbs that do not fit the container's state" {
    id=$(api POST "/v1.51/containers/create?name=idle" '{"Image":"busybox","Cmd":["sleep","100"],"HostConfig":{"NetworkMode":"none"}}' | head -n 1 | jq -r .Id)
    [ "$(api_status POST /v1.51/containers/idle/stop)" = 304 ]
    run api POST /v1.51/containers/idle/kill
    expect 409 "$id"
    run api POST /v1.51/containers/idle/exec '{"Cmd":["true"]}'
    expect 409 "$id"
    [ "$(api_status POST /v1.51/containers/idle/start)" = 204 ]
    [ "$(api_status POST /v1.51/containers/idle/start)" = 304 ]
    run api DELETE /v1.51/containers/idle
    expect 409 idle
    run api POST "/v1.51/containers/idle/kill?signal=SIGNOPE"
    expect 400 SIGNOPE
    run api POST /v1.51/containers/idle/exec '{"Cmd":[]}'
    expect 400
    run api GET /v1.51/containers/idle/logs
    expect 400
    run api POST "/v1.51/containers/idle/wait?condition=nonsense"
    expect 400 nonsense
    run api DELETE /v1.51/images/busybox
    expect 409 "${id:0:12}"
    [ "$(api_status DELETE '/v1.51/containers/idle?force=1')" = 204 ]
}

@test "a port in use is named, and the container is as it was" {
    api POST "/v1.51/containers/create?name=one" '{"Image":"busybox","Cmd":["sleep","100"],"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"18090"}]}}}' >/dev/null
    api POST "/v1.51/containers/create?name=two" '{"Image":"busybox","Cmd":["sleep","100"],"HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"18090"}]}}}' >/dev/null
    [ "$(api_status POST /v1.51/containers/one/start)" = 204 ]
    links=$(innet ip -o link | wc -l)
    run api POST /v1.51/containers/two/start
    expect 500 18090
    [ "$(field two '{{.State.Status}}')" = created ]
    [ "$(innet ip -o link | wc -l)" = "$links" ]
    run b run --rm -p 18090:80 busybox true
    [ "$status" -eq 125 ]
    [[ $output == *18090* ]]
    b rm -f one two
}

@test "filters, names and bodies of other objects" {
    run api GET "/v1.51/containers/json?filters=%7Bbad"
    expect 400
    run api GET '/v1.51/containers/json?filters=%7B%22nosuch%22%3A%5B%22x%22%5D%7D'
    expect 400 nosuch
    run api POST /v1.51/volumes/create '{"Name":"../../etc"}'
    expect 400 "../../etc"
    run api POST "/v1.51/images/busybox/tag?repo=BAD%20REPO"
    expect 400
    run api GET /v1.51/containers/..%2f..%2fetc/json
    [[ ${lines[-1]} == 400 || ${lines[-1]} == 404 ]]
    run api POST "/v1.51/containers/create?platform=plan9/mips" '{"Image":"busybox"}'
    [[ ${lines[-1]} == 400 || ${lines[-1]} == 404 ]]
    [[ $output == *plan9* ]]
}

@test "raw nonsense on the socket" {
    printf 'NONSENSE\r\n\r\n' | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    printf 'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' "$(head -c 300000 /dev/zero | tr '\0' a)" | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    printf 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n' | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    printf 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{' | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    [ "$(api_status GET /_ping)" = 200 ]
}
