#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Published ports, from every side, and what must stay closed.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
    # An outside host: 10.99.0.2 behind a link to the world (10.99.0.1).
    innet ip link add out0 type veth peer name out1
    innet ip addr add 10.99.0.1/24 dev out0
    innet ip link set out0 up
    unshare --net --mount --propagation private sh -c 'echo $$ >"$0/outside.pid"; exec sleep infinity' "$T" 3>&- 4>&- &
    eventually 5 test -s "$T/outside.pid"
    innet ip link set out1 netns "$(cat "$T/outside.pid")"
    outside ip link set lo up
    outside ip addr add 10.99.0.2/24 dev out1
    outside ip link set out1 up
    outside ip route add default via 10.99.0.1
}
teardown_file() {
    kill -KILL "$(cat "$T/outside.pid")" || :
    world_down
}
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

outside() { nsenter -t "$(cat "$T/outside.pid")" -n -- "$@"; }
web() { b run -d "$@" busybox httpd -f -h /var/www; }
get() { timeout 3 curl -s --max-time 10 "http://$1/"; }

@test "a container on the default network has an address, a route and a link on the bridge" {
    id=$(b run -d busybox sleep 100)
    ip=$(field "$id" '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')
    [[ $ip == 172.29.* ]]
    run b exec "$id" ip -o -4 addr show eth0
    [[ $output == *"$ip/16"* ]]
    run b exec "$id" ip route
    [[ $output == *"default via 172.29.0.1 dev eth0"* ]]
    innet ip -o link show master berth0 | grep -q "state UP"
    innet busybox ping -c1 -W2 "$ip" >/dev/null
}

@test "published on every address: from the host, from outside, from another container, from itself" {
    web --name web -p 18080:80 >/dev/null
    run b ps --format '{{.Ports}}'
    [[ $output == *"0.0.0.0:18080->80/tcp"* ]]
    [[ $(innet curl -s --max-time 10 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    [[ $(innet curl -s --max-time 10 http://10.99.0.1:18080/) == *"hello from berth"* ]]
    [[ $(innet curl -s --max-time 10 -g 'http://[::1]:18080/') == *"hello from berth"* ]]
    [[ $(outside curl -s --max-time 10 http://10.99.0.1:18080/) == *"hello from berth"* ]]
    run b run --rm busybox sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc 172.29.0.1 18080'
    [[ $output == *"hello from berth"* ]]
    run b exec web sh -c 'printf "GET / HTTP/1.0\r\n\r\n" | nc 172.29.0.1 18080'
    [[ $output == *"hello from berth"* ]]
}

@test "published on loopback: from the host only, not from outside even by a route to 127/8" {
    web -p 127.0.0.1:18081:80 >/dev/null
    [[ $(innet curl -s --max-time 10 http://127.0.0.1:18081/) == *"hello from berth"* ]]
    run outside curl -s --max-time 1 http://10.99.0.1:18081/
    [ "$status" -ne 0 ]
    outside sysctl -qw net.ipv4.conf.all.route_localnet=1 net.ipv4.conf.out1.route_localnet=1
    outside ip route add 127.0.0.9/32 via 10.99.0.1 src 10.99.0.2 2>/dev/null || :
    run outside curl -s --max-time 1 http://127.0.0.9:18081/
    [ "$status" -ne 0 ]
}

@test "what is not published is not reached from outside, nor by the container's address" {
    id=$(web)
    ip=$(field "$id" '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')
    [[ $(innet curl -s --max-time 10 "http://$ip/") == *"hello from berth"* ]]
    run outside curl -s --max-time 1 "http://$ip/"
    [ "$status" -ne 0 ]
}

@test "the client's own address is what the container sees" {
    id=$(b run -d -p 18082:9000 busybox nc -ll -p 9000 -e sh -c 'env | grep -i remote; netstat -tn 2>/dev/null | grep :9000')
    eventually 5 sh -c "$BERTH exec $id netstat -tln 2>/dev/null | grep -q 9000"
    # Sends nothing: what the program leaves unread would reset the connection, and its answer with it.
    run outside timeout 20 nc -d -w 10 10.99.0.1 18082
    [[ $output == *10.99.0.2* ]]
}

@test "udp, ranges and ports that the kernel chooses" {
    gcc -static -O1 -o "$T/udp-echo" "$LIB/udp-echo.c"
    b run -d --name udp -p 18090:9001/udp -v "$T/udp-echo:/udp-echo:ro" busybox /udp-echo 9001 >/dev/null
    run innet sh -c 'echo ping | timeout 20 nc -u -w 2 127.0.0.1 18090'
    [ "$output" = ping ]
    id=$(web -p 80)
    port=$(field "$id" '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}')
    [ "$port" -gt 1023 ]
    [[ $(innet curl -s --max-time 10 "http://127.0.0.1:$port/") == *"hello from berth"* ]]
    b run -d --name range -p 18100-18102:8000-8002 busybox sleep 100
    [ "$(innet ss -Hltn 'sport >= 18100 and sport <= 18102' | wc -l)" -ge 0 ]
    for p in 18100 18101 18102; do
        run innet python3 -c "import socket; s = socket.socket(); s.bind(('0.0.0.0', $p))"
        [ "$status" -ne 0 ]
    done
}

@test "a port that is taken is an error that names it, and nothing is left" {
    web --name first -p 127.0.0.1:18083:80 >/dev/null
    before=$(innet nft list table inet "berth-$(cat "$T/data/instance")")
    run b run -d --name second -p 127.0.0.1:18083:80 busybox sleep 100
    [ "$status" -eq 125 ]
    [[ $output == *18083* ]]
    [ "$(innet nft list table inet "berth-$(cat "$T/data/instance")")" = "$before" ]
    b rm -f second
    innet python3 -c "import socket, time; s = socket.socket(); s.bind(('0.0.0.0', 18084)); print('bound', flush=True); time.sleep(5)" >"$T/bound" 3>&- 4>&- &
    eventually 5 grep -q bound "$T/bound"
    run b run -d -p 18084:80 busybox sleep 100
    [ "$status" -eq 125 ]
    [[ $output == *18084* ]]
}

@test "ports, elements, reservations and the link are gone when stop answers" {
    web --name gone -p 18085:80 >/dev/null
    table=berth-$(cat "$T/data/instance")
    innet nft list table inet "$table" | grep -q 18085
    b stop -t 0 gone
    [[ $(innet nft list table inet "$table") != *18085* ]]
    [ "$(innet ip -o link show master berth0 | wc -l)" -eq 0 ]
    innet python3 -c "import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', 18085))"
    b start gone
    [[ $(innet curl -s --max-time 10 http://127.0.0.1:18085/) == *"hello from berth"* ]]
}

@test "netd may die: its ports are held again" {
    web -p 18086:80 >/dev/null
    netd=$(inworld sh -c 'cat $(find /sys/fs/cgroup/pids -name cgroup.procs 2>/dev/null || find /sys/fs/cgroup -name cgroup.procs)' | while read -r p; do
        [ "$(cat /proc/$p/comm 2>/dev/null)" = berth-netd ] && echo "$p"; done | head -1)
    [ -n "$netd" ]
    kill -KILL "$netd"
    taken() { ! innet python3 -c "import socket; s = socket.socket(); s.bind(('0.0.0.0', 18086))" 2>/dev/null; }
    eventually 5 taken
    [[ $(innet curl -s --max-time 10 http://127.0.0.1:18086/) == *"hello from berth"* ]]
    [[ $(innet curl -s --max-time 10 -g 'http://[::1]:18086/') == *"hello from berth"* ]]
}
