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
teardown() { [ "$(objects)" = "$before" ]; }

objects() { find "$T/data" -mindepth 1 -maxdepth 3 ! -name 'berth.db*' ! -path '*/tmp/*' | sort | cksum; }
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
P
    mkdir -p "$T/out"
    for t in dotdot hardout; do
        run import "$T/$t.tar"
        [[ ${lines[-1]} -ge 400 || $output == *error* ]]
    done
    import "$T/symout.tar" >/dev/null
    [ -z "$(ls -A "$T/out")" ]
    ! find "$T/data" "$T" -name escaped -path "$T/out/*" | grep -q .
    api DELETE "/v1.51/images/evil?force=1" >/dev/null
}

@test "raw nonsense on the socket" {
    printf 'NONSENSE\r\n\r\n' | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    printf 'GET /%s HTTP/1.1\r\nHost: x\r\n\r\n' "$(head -c 300000 /dev/zero | tr '\0' a)" | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    printf 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n' | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    printf 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{' | socat -t1 - "UNIX-CONNECT:$T/berth.sock" >/dev/null || :
    [ "$(api_status GET /_ping)" = 200 ]
}
