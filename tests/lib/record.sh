#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Records an engine's protocols, for tests/recordings: BERTH_PREFIX=… BERTH_WORK=… record.sh OUT
#
# A container from prepare to release, with attach and exec, its run directory, and netd with a published port. recordings.py makes a
# recording of what OUT holds then. The engine may be of any build: only what is here has to fit it.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/berth.bash"
out=$1
mkdir -p "$out"
world_up
trap world_down EXIT

SHIM=$(find "$BERTH_PREFIX" -name berth-shim -type f)
cp "$SHIM" "$T/real-shim"
cat >"$T/shim" <<END
#!/usr/bin/python3
import os, sys
os.execv("/usr/bin/python3", ["python3", "$LIB/record.py", "shim", "$T/real-shim", "$out/shim", sys.argv[1]])
END
chmod 755 "$T/shim"
inworld mount --bind "$T/shim" "$SHIM"
daemon_start
import_busybox

b create -i --name recorded --network none busybox sh -c 'echo out; echo err >&2; read line; echo "got $line"; until [ -e /go ]; do sleep 0.1; done; exit 7' >/dev/null
mkfifo "$T/in"
b start -a -i recorded <"$T/in" >"$out/attached" 2>&1 &
exec 7>"$T/in"
eventually 20 sh -c "$BERTH logs recorded 2>&1 | grep -q out"
b exec recorded sh -c 'exit 3' || [ $? = 3 ]
rundir=$(echo "$T"/run/c/*/)
eventually 20 cp "$rundir/state" "$out/state.running"
echo hello >&7
exec 7>&-
eventually 20 sh -c "$BERTH logs recorded 2>&1 | grep -q 'got hello'"
init=$(init_pid recorded)
python3 "$LIB/record.py" ask "$rundir/sock" "$out/asked.running"
# The shim keeps what it has to say until somebody takes it.
kill -STOP "$(cat "$T/berthd.pid")"
inworld touch "/proc/$init/root/go"
eventually 20 test -e "$rundir/exit"
eventually 20 grep -q exited "$rundir/state"
cp "$rundir/state" "$out/state.exited"
cp "$rundir/exit" "$out/exit"
python3 "$LIB/record.py" ask "$rundir/sock" "$out/asked.exited"
kill -CONT "$(cat "$T/berthd.pid")"
b wait recorded >"$out/code"
b rm recorded >/dev/null

b run -d --name netd --network none busybox sleep 1000 >/dev/null
b run -d --name first -p 18080:80 busybox sleep 1000 >/dev/null
daemon_kill
python3 "$LIB/record.py" netd "$T/run/netd" "$out/netd" >/dev/null &
relay=$!
eventually 20 test -e "$T/run/netd/sock.real"
daemon_start
b run -d --name published -p 18081:80 -p 127.0.0.1:18082-18090:53/udp busybox sleep 1000 >/dev/null
cp "$T/run/netd/state" "$out/netd.state"
b rm -f published >/dev/null
eventually 20 sh -c "! grep -q 18081 '$T/run/netd/state'"
kill $relay
