#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The configuration at run time: show, reload (all or nothing), what was inherited, the JSON log; sockets and notifications of a
# service manager.
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
setup() {
    rm -rf "$T/conf.d"
    write_conf
}

# over LINE...: a file of conf.d, whose values go over the main file's.
over() {
    mkdir -p "$T/conf.d"
    printf '%s\n' "$@" >"$T/conf.d/10.conf"
}
shown() { b config show | grep -F "$1 = "; }
pid() { cat "$T/berthd.pid"; }
# reloaded WORDS...: a reload that works, and says these.
reloaded() {
    run b config reload
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
    for w in "$@"; do [[ $output == *"$w"* ]] || { echo "no '$w' in: $output"; return 1; }; done
}
# refused FILE:LINE WORDS...: a reload that is refused, and nothing has changed.
refused() {
    local place=$1 before after
    shift
    before=$(b config show)
    run b config reload
    after=$(b config show)
    [ "$status" -eq 1 ] || { echo "accepted: $output"; return 1; }
    [[ $output == *"/$place:"* ]] || { echo "no $place in: $output"; return 1; }
    for w in "$@"; do [[ $output == *"$w"* ]] || { echo "no '$w' in: $output"; return 1; }; done
    [ "$before" = "$after" ] || { echo "changed: $(diff <(echo "$before") <(echo "$after"))"; return 1; }
}
soft_nofile() { awk '/^Max open files/ { print $4 }' "/proc/$(init_pid "$1")/limits"; }

@test "show says each value and where it came from" {
    b config reload
    [[ $(shown data_root) == "data_root = \"$T/data\";  # $T/daemon.conf:1" ]]
    [[ $(shown runtime.stop_timeout) == "runtime.stop_timeout = 10;  # default" ]]
    [ "$(b config show --format '{{(index .Values "log_level").Origin}}')" = "$T/daemon.conf:3" ]
    # Every key of the documentation is there.
    for k in $(sed -nE 's/^\| `([a-z_.]+)` .*/\1/p' "$BATS_TEST_DIRNAME/../../docs/configuration.md"); do
        b config show | grep -q "^$k = " || { echo "$k is not shown"; return 1; }
    done
}

@test "show and reload say that no daemon runs" {
    for c in show reload; do
        run "$BERTH" -H "unix://$T/nobody.sock" config $c
        [ "$status" -eq 1 ]
        [[ $output == *"$T/nobody.sock"* ]]
    done
}

@test "a reload takes new values, says what needs a restart, and a key that is gone is its default again" {
    write_conf 'runtime: { stop_timeout = 3; cgroup_parent = "other"; };' 'labels = [ "a=b" ];'
    reloaded 'runtime.stop_timeout: 10 -> 3' 'labels: [] -> ["a=b"]' 'runtime.cgroup_parent: "berth" -> "other" (when berthd is started again)'
    [[ $(shown runtime.stop_timeout) == "runtime.stop_timeout = 3;  # $T/daemon.conf:8" ]]
    # What holds until then is what the running daemon has.
    [[ $(b config show) == *'runtime.cgroup_parent = "berth";  # default'* ]]
    [[ $(b config show) == *'when berthd is started again: runtime.cgroup_parent = "other";'* ]]
    [ "$(b info --format '{{json .Labels}}')" = '["a=b"]' ]
    run b config reload
    [[ $output == *cgroup_parent* && $output != *stop_timeout* ]]
    write_conf
    reloaded 'runtime.stop_timeout: 3 -> 10' 'labels: ["a=b"] -> []'
    [ "$(b config reload)" = "nothing changed" ]
}

@test "a data_root that changes in the file does not move what runs" {
    b run -d --name stays busybox sleep 1000 >/dev/null
    sed -i "s|data_root = \"$T/data\"|data_root = \"$T/elsewhere\"|" "$T/daemon.conf"
    reloaded data_root
    [ "$(b info --format '{{.DockerRootDir}}')" = "$T/data" ]
    b restart -t 0 stays
    b exec stays true
    b rm -f stays
    [ ! -e "$T/elsewhere" ]
    write_conf
    b config reload
}

@test "each bad value is refused with its line, and nothing of the file is taken" {
    # Beside each, a good value that must not be taken either.
    while IFS='|' read -r line words; do
        over 'labels = [ "must=not" ];' "$line"
        refused 10.conf:2 "$words"
    done <<'END'
log_levl = "debug";|log_level
log_level = "loud";|log_level
log_format = "xml";|log_format
group = 5;|group
listen = [ "ftp://x" ];|listen
runtime: { stop_timeout = -1; };|stop_timeout
runtime: { stop_timeout = "x"; };|stop_timeout
runtime: { ulimits = [ "nofile=x" ]; };|ulimits
runtime: { seccomp_profile = "relative"; };|seccomp_profile
runtime: { shm_size = "huge"; };|shm_size
runtime: { init = 3; };|init
runtime: { cgroup_parent = "a/b"; };|cgroup_parent
registry: { concurrent_downloads = 0; };|concurrent_downloads
registry: { mirrors = ( { for = "docker.io"; } ); };|mirrors
registry: { insecure = [ "http://x" ]; };|insecure
images: { keep_blobs = "maybe"; };|keep_blobs
plugin_dirs = [ "relative" ];|plugin_dirs
unknown: { x = 1; };|unknown
network: { dns = [ "nowhere" ]; };|dns
network: { dns_search = [ "a b" ]; };|dns_search
network: { dns_opts = [ "a b" ]; };|dns_opts
network: { address_pools = ( { base = "10.0.0.0/8"; size = 4; } ); };|address_pools
network: { default = "none-such"; };|network.default
network: { predefined = ( { name = "bridge"; driver = "none-such"; } ); };|none-such
storage: { driver = "none-such"; };|none-such
logs: { driver = "none-such"; };|none-such
broken = ;|syntax error
END
    rm -r "$T/conf.d"
    sed -i "s/^logs: .*/logs: { driver = \"${DP}json-file\"; options: { ${DP}json-file: { max-size = \"x\"; }; }; };/" "$T/daemon.conf"
    refused daemon.conf:7 max-size
    sed -i "s/max-size = \"x\"/max-sze = \"1m\"/" "$T/daemon.conf"
    refused daemon.conf:7 max-size
    # A file that is gone, and one that SIGHUP finds broken.
    mv "$T/daemon.conf" "$T/away.conf"
    run b config reload
    [ "$status" -eq 1 ]
    [[ $output == *"$T/daemon.conf"* ]]
    write_conf
    over 'labels = [ "must=not" ];' 'log_level = "loud";'
    : >"$T/berthd.log"
    kill -HUP "$(pid)"
    eventually 20 grep -q "stays as it was: $T/conf.d/10.conf:2: log_level" "$T/berthd.log"
    [ "$(b info --format '{{json .Labels}}')" = '[]' ]
}

@test "a seccomp profile that cannot be used is refused as a whole; one that can is used by the next start" {
    echo '{ broken' >"$T/profile.json"
    write_conf "runtime: { seccomp_profile = \"$T/profile.json\"; };" 'labels = [ "must=not" ];'
    run b config reload
    [ "$status" -eq 1 ]
    [[ $output == *"$T/profile.json"* ]]
    [ "$(b info --format '{{json .Labels}}')" = '[]' ]
    b run --rm busybox mkdir /tmp/x
    printf '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}' >"$T/profile.json"
    reloaded seccomp_profile
    run b run --rm busybox mkdir /tmp/x
    [ "$status" -ne 0 ]
    # Without any: neither the container nor an exec in it is filtered.
    write_conf 'runtime: { seccomp_profile = "unconfined"; };'
    reloaded seccomp_profile
    b run -d --name open busybox sleep 1000
    [ "$(b exec open grep Seccomp: /proc/1/status /proc/self/status | awk '{ print $2 }' | sort -u)" = 0 ]
    b rm -f open
    write_conf
    reloaded seccomp_profile
    b run --rm busybox mkdir /tmp/x
}

@test "new defaults reach what inherited them at its next start, and nothing else" {
    b create --name inherits busybox sleep 1000 >/dev/null
    b create --name own --shm-size 16m --ulimit nofile=777:777 --log-driver "${DP}json-file" busybox sleep 1000 >/dev/null
    b start inherits own
    shm() { b exec "$1" df -k /dev/shm | awk 'NR == 2 { print $2 }'; }
    [ "$(shm inherits)/$(shm own)" = 65536/16384 ]
    over 'runtime: { shm_size = "32m"; ulimits = [ "nofile=555:1000" ]; init = true; stop_timeout = 1; };' 'network: { dns = [ "192.0.2.9" ]; };' \
        "logs: { driver = \"${DP}syslog\"; options: { ${DP}syslog: { syslog-address = \"udp://127.0.0.1:9\"; }; }; };"
    reloaded runtime.shm_size logs.driver "logs.options.${DP}syslog.syslog-address"
    # Nothing that runs has changed, and its log is read where it is.
    [ "$(shm inherits)" = 65536 ]
    [ "$(field inherits '{{.HostConfig.LogConfig.Type}}')" = "${DP}json-file" ]
    b logs inherits
    # The new timeout holds for the next stop: sleep as pid 1 takes no SIGTERM.
    b stop inherits own
    b start inherits own
    [ "$(shm inherits)/$(shm own)" = 32768/16384 ]
    [ "$(soft_nofile inherits)/$(soft_nofile own)" = 555/777 ]
    [ "$(b exec inherits sh -c 'ulimit -Sn')/$(b exec own sh -c 'ulimit -Sn')" = 555/777 ]
    [ "$(field inherits '{{.HostConfig.ShmSize}} {{.HostConfig.LogConfig.Type}}')" = "33554432 ${DP}syslog" ]
    [ "$(field own '{{.HostConfig.ShmSize}} {{.HostConfig.LogConfig.Type}}')" = "16777216 ${DP}json-file" ]
    b exec inherits grep -q 192.0.2.9 /etc/resolv.conf
    [ "$(b exec inherits cat /proc/1/comm)" != sleep ]
    # And back: the key is gone, the default returns. A new daemon knows what was inherited, too.
    rm -r "$T/conf.d"
    b config reload >/dev/null
    daemon_kill
    daemon_start
    b stop -t 0 inherits
    b start inherits
    [ "$(shm inherits)" = 65536 ]
    [ "$(field inherits '{{.HostConfig.LogConfig.Type}}')" = "${DP}json-file" ]
    [ "$(soft_nofile inherits)" = 1024 ]
    # An exec has the limits that its container was started with, whatever the defaults are by now.
    over 'runtime: { ulimits = [ "nofile=444:1000" ]; };'
    reloaded runtime.ulimits
    [ "$(b exec inherits sh -c 'ulimit -Sn')" = 1024 ]
    b rm -f inherits own
}

@test "reloads in a row, by both ways at once, while containers start: all answer, and the memory does not grow" {
    rss() { awk '/^Pss_Dirty/ { print $2 }' "/proc/$(pid)/smaps_rollup"; }
    local n before
    turn() {
        for n in $(seq "$1"); do
            write_conf "labels = [ \"n=$n\" ];"
            kill -HUP "$(pid)"
            b config reload >/dev/null
        done
    }
    turn 5
    before=$(rss)
    turn 60 &
    for n in 1 2 3; do b run --rm busybox true; done
    wait $!
    [ "$(b info --format '{{json .Labels}}')" = '["n=60"]' ]
    [ "$(rss)" -lt $((before + 2000)) ]
}

@test "the JSON log is an object a line, of berthd, shims and netd" {
    daemon_stop
    : >"$T/json.log"
    write_conf 'log_format = "json";'
    sed -i 's/^log_level = .*/log_level = "debug";/' "$T/daemon.conf"
    mv "$T/berthd.log" "$T/berthd.old"
    daemon_start
    b run --rm busybox true
    b config reload >/dev/null
    over 'log_level = "lo\\"ud\\n";'
    run b config reload
    [ "$status" -eq 1 ]
    write_conf
    rm -r "$T/conf.d"
    [ "$(wc -l <"$T/berthd.log")" -gt 5 ]
    jq -se 'all(.[]; (keys | sort) == ["level", "msg", "program", "time"])' "$T/berthd.log" >/dev/null
    [ "$(jq -r .level "$T/berthd.log" | sort -u | grep -cvE '^(debug|info|warn|error)$')" = 0 ]
    # Each line by itself, not only the stream.
    while read -r line; do jq -e . >/dev/null <<<"$line"; done <"$T/berthd.log"
    # text again, without a restart
    b config reload >/dev/null
    tail -n 1 "$T/berthd.log" | refute jq -e . 2>/dev/null
    daemon_stop
    daemon_start
}

# --- the service manager's side
# activated ARG...: berthd by systemd-socket-activate, in the world.
activated() {
    # shellcheck disable=SC2016
    setsid sh "$LIB/world.sh" enter "$T" sh -c 'echo $$ >"$0/berthd.pid"; exec "$@"' "$T" \
        systemd-socket-activate "$@" </dev/null >>"$T/berthd.log" 2>&1 3>&- 4>&- &
    eventually 10 test -s "$T/berthd.pid"
}
ping() { [ "$(curl -s --unix-socket "$1" http://x/_ping)" = OK ]; }

@test "a passed socket is taken for the address of its path, and stays when the daemon ends" {
    command -v systemd-socket-activate >/dev/null || skip "systemd-socket-activate is not there"
    daemon_stop
    rm "$T/berthd.pid"
    activated -l "$T/berth.sock" "$BERTHD" --config "$T/daemon.conf"
    eventually 20 test -S "$T/berth.sock"
    ping "$T/berth.sock"
    daemon_stop
    # Its maker removes it, not the daemon.
    [ -S "$T/berth.sock" ]
    rm "$T/berth.sock"
    daemon_start
}

@test "fd:// takes all passed sockets, fd://NAME one; what nobody takes is told" {
    command -v systemd-socket-activate >/dev/null || skip "systemd-socket-activate is not there"
    daemon_stop
    rm "$T/berthd.pid"
    activated -l "$T/one.sock" -l "$T/two.sock" "$BERTHD" --config "$T/daemon.conf" --set 'listen=[fd://]'
    eventually 20 test -S "$T/two.sock"
    ping "$T/one.sock"
    ping "$T/two.sock"
    DOCKER_HOST= BERTH_HOST=unix://$T/two.sock "$BERTH" info >/dev/null
    daemon_stop
    rm -f "$T/berthd.pid" "$T/one.sock" "$T/two.sock"
    activated --fdname api:other -l "$T/one.sock" -l "$T/two.sock" "$BERTHD" --config "$T/daemon.conf" --set 'listen=[fd://api]'
    eventually 20 test -S "$T/one.sock"
    ping "$T/one.sock"
    grep -q 'no address of listen takes descriptor 4 (other)' "$T/berthd.log"
    daemon_stop
    # No such name, and a socket that would serve beyond the machine.
    rm -f "$T/one.sock" "$T/two.sock"
    run inworld timeout 20 "$BERTHD" --config "$T/daemon.conf" --set 'listen=[fd://api]'
    [ "$status" -eq 1 ]
    [[ $output == *"fd://api"* ]]
    daemon_start
}

# A datagram socket that writes what comes to a file, one message a line.
notify_server() {
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
out = open(sys.argv[2], "w")
while True:
    print(s.recv(65536).decode().replace("\n", " "), file=out, flush=True)
' "$T/notify" "$T/notified" 3>&- 4>&- &
    NOTIFIER=$!
    eventually 10 test -S "$T/notify"
}

@test "readiness, reloads and the end are told to the service manager" {
    daemon_stop
    notify_server
    NOTIFY_SOCKET=$T/notify daemon_start
    eventually 10 grep -q '^READY=1' "$T/notified"
    ping "$T/berth.sock"
    kill -HUP "$(pid)"
    eventually 10 grep -q '^RELOADING=1 MONOTONIC_USEC=[0-9]' "$T/notified"
    eventually 10 grep -q '^READY=1 STATUS=serving' "$T/notified"
    over 'log_level = "loud";'
    kill -HUP "$(pid)"
    eventually 10 grep -q '^READY=1 STATUS=the configuration stays as it was:.*log_level' "$T/notified"
    rm -r "$T/conf.d"
    daemon_stop
    eventually 10 grep -q '^STOPPING=1' "$T/notified"
    kill "$NOTIFIER"
    daemon_start
}

@test "the units are ones that systemd takes" {
    command -v systemd-analyze >/dev/null || skip "systemd-analyze is not there"
    local d=$BERTH_PREFIX/lib/systemd/system
    run systemd-analyze verify --man=no "$d/berth.service" "$d/berth.socket"
    echo "$output"
    refute grep -E 'berth\.(service|socket)' <<<"$output"
    for l in Type=notify KillMode=process Delegate=yes "ExecStart=$BERTHD"; do grep -qx "$l" "$d/berth.service"; done
    grep -qx "ListenStream=$BERTH_PREFIX/run/berth.sock" "$d/berth.socket"
    grep -qx 'g berth -' "$BERTH_PREFIX/lib/sysusers.d/berth.conf"
}
