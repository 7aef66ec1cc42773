#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A daemon of another build brings the monitors of running containers to its own; the containers notice nothing.
load ../lib/berth

setup() {
    world_up
    SHIM=$(find "$BERTH_PREFIX" -name berth-shim -type f)
    daemon_start
    import_busybox
}
teardown() { world_down; }

shim_of() { awk '/^PPid/ { print $2 }' "/proc/$(init_pid "$1")/status"; }
# The installed berth-shim is this file for daemons that start from now on.
install_shim() { inworld mount --bind "$1" "$SHIM"; }
# Another build of it: another build id.
other_build() {
    python3 - "$SHIM" "$T/shim" <<'EOF'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(b"\x03\0\0\0GNU\0") + 8
data[at] ^= 0xff
open(sys.argv[2], "wb").write(data)
EOF
    chmod 755 "$T/shim"
    install_shim "$T/shim"
}
runs() { cmp -s "/proc/$1/exe" "$2"; }
logged() { grep -q "$1" "$T/berthd.log"; }

@test "upgrade under load: same processes, no line lost or doubled, right exit codes" {
    b run -d --name load --network none --log-opt max-size=1g busybox sh -c 'i=0; until [ -e /go ]; do i=$((i + 1)); echo $i; done; echo $i >/count; until [ -e /read ]; do sleep 0.05; done; exit 5'
    b run -d -i --name reads --network none busybox sh -c 'read line; echo "got $line"; exit 6'
    b run -d --name quiet --network none --restart always busybox sleep 1000
    pid=$(init_pid load)
    shims="$(shim_of load) $(shim_of reads) $(shim_of quiet)"
    exec=$(api POST /containers/load/exec '{"Cmd":["sh","-c","until [ -e /go ]; do sleep 0.05; done; exit 7"]}' | head -1 | jq -r .Id)
    api POST "/exec/$exec/start" '{"Detach":true}'
    daemon_kill
    other_build
    daemon_start
    for s in $shims; do eventually 60 runs "$s" "$T/shim"; done
    eventually 20 logged "3 monitors of an earlier build were brought to this one"
    [ "$(init_pid load)" = "$pid" ]
    [ "$(shim_of load) $(shim_of reads) $(shim_of quiet)" = "$shims" ]
    b exec load touch /go
    eventually 20 b exec load test -s /count
    count=$(b exec load cat /count)
    exec_code() { [ "$(api GET "/exec/$exec/json" | head -1 | jq -r .ExitCode)" = 7 ]; }
    eventually 20 exec_code
    b exec load touch /read
    [ "$(b wait load)" = 5 ]
    [ "$(b logs load | wc -l)" = "$count" ]
    [ "$(b logs load | sha256sum)" = "$(seq 1 "$count" | sha256sum)" ]
    echo hello | b attach reads || :
    [ "$(b wait reads)" = 6 ]
    [ "$(b logs reads)" = "got hello" ]
    b stop -t 0 quiet
    # The next daemon of the same build has nothing to do.
    b start quiet
    daemon_kill
    : >"$T/berthd.log"
    daemon_start
    b rm -f load reads quiet
    refute logged "earlier build"
}

@test "a build that cannot take up what runs is refused by the monitor, which goes on as it was" {
    b run -d --name stays --network none busybox sh -c 'trap "exit 8" TERM; while :; do sleep 0.05; done'
    pid=$(init_pid stays)
    shim=$(shim_of stays)
    cp "/proc/$shim/exe" "$T/before"
    daemon_kill
    cp /bin/true "$T/true"
    install_shim "$T/true"
    daemon_start
    eventually 30 logged "monitors of an earlier build stay as they are: .*cannot take"
    [ "$(init_pid stays)" = "$pid" ]
    runs "$shim" "$T/before"
    [ "$(b exec stays echo in)" = in ]
    b stop stays
    [ "$(field stays '{{.State.ExitCode}}')" = 8 ]
}

@test "runtime.upgrade_shims = false leaves monitors as they are" {
    b run -d --name stays --network none busybox sleep 1000
    shim=$(shim_of stays)
    cp "/proc/$shim/exe" "$T/before"
    daemon_kill
    other_build
    daemon_start --set runtime.upgrade_shims=false
    # A container of this daemon's has its build, the other one keeps its own.
    b run -d --name new --network none busybox sleep 1000
    runs "$(shim_of new)" "$T/shim"
    runs "$shim" "$T/before"
    b exec stays true
    b rm -f stays new
}
