#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Two daemons with different files on one machine, started and stopped in every order.
load ../lib/berth

setup() {
    world_up
    A=$T/a B=$T/b
    mkdir -p "$A" "$B"
    conf "$A" 172.29 berth0
    conf "$B" 172.28 berth1
}
teardown() { world_down; }

conf() { # conf DIR NET BRIDGE
    cat >"$1/daemon.conf" <<EOF
data_root = "$1/data"; run_root = "$1/run"; group = "root"; listen = [ "unix://$1/berth.sock" ];
storage: { driver = "${DP}overlay"; };
network: { default = "bridge";
  predefined = ( { name = "bridge"; driver = "${DP}bridge"; }, { name = "host"; driver = "${DP}host"; }, { name = "none"; driver = "${DP}none"; } );
  options: { ${DP}bridge: { name = "$3"; subnet = "$2.0.0/16"; }; }; };
logs: { driver = "${DP}json-file"; };
EOF
}
at() { # at DIR CMD...: runs a client command against one daemon
    local d=$1
    shift
    BERTH_HOST=unix://$d/berth.sock b "$@"
}
start_at() {
    setsid sh "$LIB/world.sh" enter "$T" sh -c 'echo $$ >"$0/berthd.pid"; exec "$@"' "$1" \
        "$BERTHD" --config "$1/daemon.conf" </dev/null >>"$1/berthd.log" 2>&1 3>&- 4>&- &
    eventually 10 curl -sf --unix-socket "$1/berth.sock" http://x/_ping -o /dev/null || {
        tail -20 "$1/berthd.log" >&2
        return 1
    }
}
stop_at() {
    local p
    p=$(cat "$1/berthd.pid")
    kill "$p" && daemon_gone "$p"
}
image_at() {
    curl -sf --unix-socket "$1/berth.sock" -H 'Content-Type: application/x-tar' -X POST -T "$(busybox_tar)" \
        "http://x/images/create?fromSrc=-&repo=busybox&tag=latest" >/dev/null
}
nothing_left() {
    [ "$(innet ip -o link | wc -l)" = 1 ] # lo
    [ -z "$(innet nft list tables)" ]
    [ -z "$(inworld find /sys/fs/cgroup -name 'berth-????????')" ]
    refute pgrep -f "$T/[ab]/"
    refute inworld grep -q " $T/" /proc/self/mountinfo
}
serves() { [[ $(innet curl -s --max-time 2 "http://127.0.0.1:$1/") == *"hello from berth"* ]]; }

@test "two daemons, each order of start and stop, do not touch each other" {
    for order in "$A $B" "$B $A"; do
        set -- $order
        start_at "$1"
        start_at "$2"
        image_at "$1"
        image_at "$2"
        at "$1" run -d --name web -p 18001:80 busybox httpd -f -h /var/www
        at "$2" run -d --name web -p 18002:80 busybox httpd -f -h /var/www
        serves 18001
        serves 18002
        [ "$(at "$1" ps -q | wc -l)" = 1 ]
        at "$2" rm -f web
        stop_at "$2"
        serves 18001
        start_at "$2"
        stop_at "$1"
        serves 18001
        start_at "$1"
        serves 18001
        at "$1" rm -f web
        stop_at "$1"
        stop_at "$2"
        nothing_left
    done
}

@test "a bridge that another daemon owns is refused, with its owner" {
    start_at "$A"
    sed -i 's/berth1/berth0/; s/172\.28/172.27/' "$B/daemon.conf"
    run inworld timeout 10 "$BERTHD" --config "$B/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *berth0* && $output == *"$(cat "$A/data/instance")"* ]]
    [ "$(innet nft list tables | wc -l)" = 1 ]
    refute pgrep -f "berth-netd $B/"
    stop_at "$A"
    nothing_left
}
