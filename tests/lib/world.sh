#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A world of its own for a daemon under test: network, mount, ipc and cgroup namespaces with an own /run, so that neither
# the host's firewall nor its cgroups meet the tests.
#
#   world.sh start DIR          makes DIR and the world
#   world.sh enter DIR CMD ...  runs CMD in it (namespaces and cgroups)
#   world.sh net DIR CMD ...    runs CMD in its network namespace only
#   world.sh stop DIR           ends every process of the world, removes its cgroups; DIR stays
set -eu
act=$1
dir=${2:?the directory of the world}
shift 2
name=berth-test-$(printf %s "$dir" | cksum | cut -d' ' -f1)

# The mounted cgroup hierarchies, a directory a line.
hierarchies() {
    awk '$3 == "cgroup" || $3 == "cgroup2" { print $2 }' /proc/self/mounts
}

# On v2 a group with controllers for its children holds no processes: the world's own sit in a leaf of it.
join() {
    for h in $(hierarchies); do
        d=$h/$name
        [ ! -d "$d/world" ] || d=$d/world
        mkdir -p "$d" 2>/dev/null || continue
        if [ -e "$d/cpuset.cpus" ] && [ -e "$h/cpuset.cpus" ]; then
            cat "$h/cpuset.cpus" >"$d/cpuset.cpus"
            cat "$h/cpuset.mems" >"$d/cpuset.mems"
        fi
        echo "$1" >"$d/cgroup.procs" 2>/dev/null || :
    done
}

# v2: every controller of a group also for its children.
enable() {
    for c in $(cat "$1/cgroup.controllers"); do
        echo "+$c" >"$1/cgroup.subtree_control" 2>/dev/null || :
    done
}

# Inside the new namespaces: /run, lo, and cgroup mounts that begin at the world's own cgroup.
inside() {
    mount -t tmpfs -o mode=755 tmpfs /run
    ip link set lo up
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        umount /sys/fs/cgroup
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        mkdir /sys/fs/cgroup/world
        echo $$ >/sys/fs/cgroup/world/cgroup.procs
        enable /sys/fs/cgroup
    else
        awk '$3 == "cgroup" || $3 == "cgroup2" { print $2, $3, $4 }' /proc/self/mounts |
            while read -r at type options; do
                umount "$at"
                case $type in
                cgroup2) mount -t cgroup2 cgroup2 "$at" ;;
                *)
                    controllers=$(printf %s "$options" | tr , '\n' | grep -vxE 'rw|ro|nosuid|nodev|noexec|relatime|xattr|clone_children|release_agent=.*' | paste -sd, -)
                    mount -t cgroup -o "$controllers" cgroup "$at"
                    ;;
                esac
            done
    fi
    echo $$ >"$dir/world.tmp"
    mv "$dir/world.tmp" "$dir/world.pid"
    exec sleep infinity
}

processes() {
    for h in $(hierarchies); do
        [ -d "$h/$name" ] || continue
        find "$h/$name" -name cgroup.procs -exec cat {} + 2>/dev/null || :
    done | sort -u
}

case $act in
start)
    mkdir -p "$dir"
    setsid sh "$0" spawn "$dir" </dev/null >"$dir/world.log" 2>&1 3>&- 4>&- &
    n=0
    until [ -e "$dir/world.pid" ]; do
        n=$((n + 1))
        [ $n -lt 100 ] || {
            cat "$dir/world.log" >&2
            exit 1
        }
        sleep 0.05
    done
    ;;
spawn)
    [ ! -e /sys/fs/cgroup/cgroup.controllers ] || enable /sys/fs/cgroup
    join $$
    exec unshare --net --mount --ipc --cgroup --propagation private sh "$0" inside "$dir"
    ;;
inside) inside ;;
enter)
    join $$
    exec nsenter -t "$(cat "$dir/world.pid")" -n -m -i -C -r -w -- "$@" # -w: in a chroot the old directory is out of reach, and sh says so
    ;;
net) exec nsenter -t "$(cat "$dir/world.pid")" -n -- "$@" ;;
stop)
    n=0
    while p=$(processes) && [ -n "$p" ]; do
        # shellcheck disable=SC2086
        kill -KILL $p 2>/dev/null || :
        n=$((n + 1))
        [ $n -lt 200 ] || break
        sleep 0.02
    done
    for h in $(hierarchies); do
        [ -d "$h/$name" ] || continue
        find "$h/$name" -depth -type d -exec rmdir {} \; 2>/dev/null || :
    done
    rm -f "$dir/world.pid"
    ;;
*)
    sed -n 3,12p "$0"
    exit 2
    ;;
esac
