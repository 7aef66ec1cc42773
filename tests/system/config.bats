#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# daemon.conf: what is wrong is said with file, line and what would be right; nothing is touched.
load ../lib/berth

setup_file() { world_up; }
teardown_file() { world_down; }
setup() { write_conf; }

check() { run inworld "$BERTHD" --check-config "$T/daemon.conf"; }
refused() { # refused WORDS...
    [ "$status" -ne 0 ] || { echo "accepted: $output"; return 1; }
    for w in "$@"; do [[ $output == *"$w"* ]] || { echo "no '$w' in: $output"; return 1; }; done
}

@test "a good file is said to be good, and nothing is made" {
    check
    [ "$status" -eq 0 ]
    [ ! -e "$T/data" ]
}

@test "a misspelt key names line and nearest key" {
    echo 'strage: { driver = "x"; };' >>"$T/daemon.conf"
    check
    refused "daemon.conf:" strage storage
}

@test "a wrong type, and a syntax error" {
    sed -i 's/^log_level = .*/log_level = 5;/' "$T/daemon.conf"
    check
    refused "daemon.conf:3" log_level
    write_conf 'runtime: { stop_timeout = ;'
    check
    refused "daemon.conf:"
}

@test "an unknown driver names those there are" {
    sed -i "s/driver = \"${DP}overlay\"/driver = \"overlaid\"/" "$T/daemon.conf"
    check
    refused overlaid "${DP}overlay"
}

@test "a driver's misspelt option names the right one" {
    write_conf
    sed -i "s/^storage: .*/storage: { driver = \"${DP}overlay\"; options: { ${DP}overlay: { volatle = true; }; }; };/" "$T/daemon.conf"
    check
    refused volatle volatile
}

@test "a subnet that overlaps the host's is refused at start, with its owner" {
    innet ip link add lan0 type veth peer name lan1
    innet ip addr add 172.29.5.1/24 dev lan0
    innet ip link set lan0 up
    run inworld timeout 10 "$BERTHD" --config "$T/daemon.conf"
    innet ip link del lan0
    refused 172.29.5.0/24 lan0
    # It got far enough to have made something.
    [ "$(innet ip -o link | wc -l)" = 1 ]
    [ -z "$(innet nft list tables)" ]
    [ -z "$(inworld find /sys/fs/cgroup -name 'berth-????????')" ]
    refute pgrep -f "berth-netd $T/run"
    rm -rf "$T/data" "$T/run"
}

@test "conf.d comes after the file, --set after both" {
    mkdir -p "$T/conf.d"
    echo 'log_level = "warn";' >"$T/conf.d/10.conf"
    run inworld "$BERTHD" --config "$T/daemon.conf" --set log_level=nonsense --check-config
    refused log_level nonsense
    run inworld "$BERTHD" --check-config "$T/daemon.conf"
    [ "$status" -eq 0 ]
    echo 'log_levl = "warn";' >"$T/conf.d/10.conf"
    check
    refused "10.conf:1" log_level
    rm -r "$T/conf.d"
}

@test "a group that does not exist leaves the socket root's, with a warning" {
    sed -i 's/group = "root"/group = "no-such-group"/' "$T/daemon.conf"
    daemon_start
    grep -q no-such-group "$T/berthd.log"
    [ "$(stat -c %U:%G:%a "$T/berth.sock")" = root:root:660 ]
    daemon_stop
}
