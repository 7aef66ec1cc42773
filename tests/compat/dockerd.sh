#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A private dockerd to record from: Debian's, unpacked, in a world of its own, so that neither the host's firewall nor its
# mounts and control groups meet it. The tests need none: they play the recordings that are here.
#
#   dockerd.sh start DIR    fetches what is missing below DIR/peers, starts the daemon; it listens on DIR/w/docker.sock
#   dockerd.sh stop DIR     ends it and its world; DIR/peers stays
set -eu
here=$(cd "$(dirname "$0")" && pwd)
act=$1
dir=$2
world=$dir/w
lib=$here/../lib

case $act in
start)
    mkdir -p "$world"
    sh "$here/../bench/peers.sh" get "$dir/peers"
    sh "$lib/world.sh" start "$world"
    sh "$lib/world.sh" enter "$world" sh "$here/../bench/peers.sh" mount "$dir/peers"
    echo '{}' >"$world/daemon.json"
    setsid sh "$lib/world.sh" enter "$world" dockerd --config-file "$world/daemon.json" -H "unix://$world/docker.sock" \
        --data-root "$world/data" --exec-root "$world/exec" -p "$world/dockerd.pid" </dev/null >"$world/dockerd.log" 2>&1 &
    n=0
    until curl -sf --unix-socket "$world/docker.sock" http://x/_ping >/dev/null 2>&1; do
        n=$((n + 1))
        [ $n -lt 200 ] || {
            tail -5 "$world/dockerd.log" >&2
            exit 1
        }
        sleep 0.1
    done
    echo "unix://$world/docker.sock"
    ;;
stop)
    p=$(cat "$world/dockerd.pid" 2>/dev/null || :)
    [ -z "$p" ] || kill "$p" 2>/dev/null || :
    n=0
    while [ -n "$p" ] && kill -0 "$p" 2>/dev/null && [ $n -lt 100 ]; do
        n=$((n + 1))
        sleep 0.1
    done
    sh "$lib/world.sh" stop "$world"
    awk -v t="$world/" 'index($2, t) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r m; do umount -l "$m"; done
    rm -rf --one-file-system "$world"
    ;;
*)
    sed -n 3,8p "$0"
    exit 2
    ;;
esac
