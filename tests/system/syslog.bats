#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The syslog driver against a real rsyslog over each transport, and against a server that is a black hole.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
    rsyslog_start
}
teardown_file() {
    rsyslog_stop
    world_down
}
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

exited() { [ "$(field "$1" '{{.State.Status}}')" = exited ]; }

# A private rsyslogd: own configuration, sockets and files below $T, in the world's network.
rsyslog_start() {
    local r=$T/rsyslog
    mkdir -p "$r/work"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout "$r/key.pem" -out "$r/cert.pem" 2>/dev/null
    cat >"$r/conf" <<EOF
global(workDirectory="$r/work" maxMessageSize="64k" defaultNetstreamDriverCAFile="$r/cert.pem"
       defaultNetstreamDriverCertFile="$r/cert.pem" defaultNetstreamDriverKeyFile="$r/key.pem")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp")
template(name="t" type="string" string="%programname%|%syslogfacility-text%|%syslogseverity-text%|%structured-data%|%msg:::drop-last-lf%\n")
ruleset(name="unix") { action(type="omfile" file="$r/unix.txt" template="t") }
ruleset(name="udp") { action(type="omfile" file="$r/udp.txt" template="t") }
ruleset(name="tcp") { action(type="omfile" file="$r/tcp.txt" template="t") }
ruleset(name="tls") { action(type="omfile" file="$r/tls.txt" template="t") }
input(type="imuxsock" Socket="$r/sock" ruleset="unix")
input(type="imudp" address="127.0.0.1" port="5140" ruleset="udp")
input(type="imtcp" address="127.0.0.1" port="5141" ruleset="tcp")
input(type="imtcp" address="127.0.0.1" port="5142" ruleset="tls" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")
EOF
    # shellcheck disable=SC2016
    innet sh -c 'echo $$ >"$0/pid"; exec rsyslogd -n -f "$0/conf" -i NONE' "$r" >"$r/log" 2>&1 3>&- 4>&- &
    eventually 20 test -S "$r/sock"
    eventually 20 innet sh -c 'ss -lnt | grep -q :5142'
}

rsyslog_stop() {
    [ ! -e "$T/rsyslog/pid" ] || kill "$(cat "$T/rsyslog/pid")" || :
}

# said_over NAME ADDRESS OPTION...: what the server has of a container that wrote to both streams
said_over() {
    local name=$1 address=$2 opts=() o
    shift 2
    for o in "$@"; do opts+=(--log-opt "$o"); done
    id=$(b run -d --network none --log-driver "${DP}syslog" --log-opt "syslog-address=$address" --log-opt tag=by-"$name" \
        --log-opt syslog-timeout=1m "${opts[@]}" busybox sh -c 'for i in 1 2 3; do echo "line $i"; done; echo wrong >&2')
    eventually 90 exited "$id"
    eventually 60 sh -c "[ \$(wc -l <'$T/rsyslog/$name.txt') -ge 4 ]"
    cut -d'|' -f 1-3,5 "$T/rsyslog/$name.txt" | sort >"$T/said"
    printf 'by-%s|%s|%s\n' "$name" daemon 'err| wrong' "$name" daemon 'info| line 1' "$name" daemon 'info| line 2' "$name" daemon 'info| line 3' >"$T/right"
}

@test "unix" {
    said_over unix "unix://$T/rsyslog/sock"
    diff "$T/right" "$T/said"
}

@test "udp, rfc3164" {
    said_over udp udp://127.0.0.1:5140 syslog-format=rfc3164
    diff "$T/right" "$T/said"
}

@test "tcp, rfc5424 with attributes" {
    said_over tcp tcp://127.0.0.1:5141 syslog-format=rfc5424micro env=WHERE
    sed -i 's/| /|/' "$T/right" # there the blank is no part of the message
    diff "$T/right" "$T/said"
}

@test "tls, rfc5424 in counted octets; a certificate that nobody signed is refused" {
    said_over tls tcp+tls://127.0.0.1:5142 syslog-format=rfc5424 "syslog-tls-ca-cert=$T/rsyslog/cert.pem"
    sed -i 's/| /|/' "$T/right"
    diff "$T/right" "$T/said"
    id=$(b run -d --network none --log-driver "${DP}syslog" --log-opt syslog-address=tcp+tls://127.0.0.1:5142 busybox echo secret)
    eventually 60 exited "$id"
    [ "$(b logs "$id")" = secret ] # the local copy
    ! grep -q secret "$T/rsyslog/tls.txt"
}

@test "many lines over tcp arrive in order, each once" {
    : >"$T/rsyslog/tcp.txt"
    id=$(b run -d --network none --log-driver "${DP}syslog" --log-opt syslog-address=tcp://127.0.0.1:5141 --log-opt syslog-format=rfc5424 \
        --log-opt syslog-timeout=1m busybox seq 1 20000)
    eventually 90 exited "$id"
    eventually 90 sh -c "[ \$(wc -l <'$T/rsyslog/tcp.txt') -ge 20000 ]"
    cut -d'|' -f5 "$T/rsyslog/tcp.txt" | tr -d ' ' >"$T/said"
    seq 1 20000 | cmp - "$T/said"
}

# Its queue of connections is full, so it answers nothing to who knocks.
black_hole() {
    cat >"$T/hole.py" <<'P'
import socket, sys, time
s = socket.socket()
s.bind(("127.0.0.1", 5149))
s.listen(0)
held = []
for _ in range(4):
    c = socket.socket()
    c.setblocking(False)
    c.connect_ex(("127.0.0.1", 5149))
    held.append(c)
open(sys.argv[1], "w").close()
time.sleep(600)
P
    # shellcheck disable=SC2016
    innet sh -c 'echo $$ >"$0.pid"; exec python3 "$0.py" "$0.ready"' "$T/hole" >/dev/null 2>&1 3>&- 4>&- &
    eventually 20 test -e "$T/hole.ready"
}

@test "a black hole: the container starts, writes at its speed and stops in time" {
    black_hole
    id=$(b run -d --network none --log-driver "${DP}syslog" --log-opt syslog-address=tcp://127.0.0.1:5149 busybox sh -c '
        trap "exit 9" TERM; yes 0123456789012345678901234567890123456789 | head -n 1000000; echo done; while :; do sleep 0.1; done')
    eventually 60 sh -c "$BERTH logs --tail 1 $id | grep -q done" # from the local copy
    # What the stop has is its grace and the second of the log: ten times that is for a busy machine.
    start=$SECONDS
    b stop -t 1 "$id"
    [ $((SECONDS - start)) -lt 20 ]
    [ "$(field "$id" '{{.State.ExitCode}}')" = 9 ]
    kill "$(cat "$T/hole.pid")"
}
