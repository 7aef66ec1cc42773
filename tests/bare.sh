#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Proves the two commands of README on a bare machine: a fresh Debian 12 minbase root, entered by chroot with mount, pid and
# cgroup namespaces of its own.
#
#   sh tests/bare.sh DIR [quickstart|tests]     default: quickstart, then tests
#
# DIR keeps the root and the packages' cache for the next time (rm -rf it for a really fresh one). BERTH_MIRROR: the Debian
# mirror (default: that of the machine's sources.list).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:?usage: bare.sh DIR [quickstart|tests]}
what=${2:-both}
root=$dir/root
mkdir -p "$dir/cache"

if [ ! -e "$dir/base.tar" ]; then
    rm -rf "$root"
    debootstrap --variant=minbase bookworm "$root" ${BERTH_MIRROR:-} >"$dir/debootstrap.log" 2>&1 || {
        tail -5 "$dir/debootstrap.log" >&2
        exit 1
    }
    # How this machine reaches its packages is how the root does.
    for f in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/trusted.gpg.d /etc/apt/keyrings /etc/apt/auth.conf.d; do
        [ ! -e "$f" ] || cp -aT "$f" "$root$f"
    done
    tar -C "$root" --numeric-owner -cf "$dir/base.tar" .
fi

run_in() { # run_in COMMAND: in a fresh root
    rm -rf --one-file-system "$root"
    mkdir -p "$root"
    tar -C "$root" --numeric-owner -xf "$dir/base.tar"
    mkdir -p "$root/src"
    git -C "$top" archive HEAD | tar -C "$root/src" -xf -
    # shellcheck disable=SC2016
    unshare --mount --pid --fork --ipc --propagation private sh -c '
        set -eu
        root=$1
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount -t sysfs sysfs "$root/sys"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
        mount -t tmpfs tmpfs "$root/run"
        mount --bind "$2" "$root/var/cache/apt/archives"
        cp -L /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || :
        cp -L /etc/hosts "$root/etc/hosts" 2>/dev/null || :
        cd "$root"
        exec chroot . sh -c "cd /src && git init -q . 2>/dev/null; $3"' sh "$root" "$dir/cache" "$1"
}

case $what in
quickstart | both)
    echo "== sh quickstart.sh on a bare Debian 12"
    run_in "sh quickstart.sh"
    ;;
esac
case $what in
tests | both)
    echo "== sh tests/run.sh on a bare Debian 12"
    run_in "sh tests/run.sh"
    ;;
esac
