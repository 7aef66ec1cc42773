#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The peers of the bench, from Debian, without installing them: nothing of theirs starts on this machine by itself.
#
#   peers.sh get DIR             fetches docker.io, podman, crun, runc and gnuplot with what they need, unpacks them below DIR
#   peers.sh mount DIR           inside a mount namespace: lays DIR over /usr and /etc
#   peers.sh mount-without-v2 DIR    the same, and takes the v2 hierarchy away: crun refuses the hybrid layout
set -eu
act=$1
dir=$2
wanted="docker.io podman crun runc netavark aardvark-dns iptables golang-github-containers-common gnuplot-nox"

# What of a package's closure is not installed here.
closure() {
    # shellcheck disable=SC2086
    apt-get -s install --no-install-recommends $wanted | awk '/^Inst/ && $3 !~ /^\[/ { print $2 }'
}

# The files of the root go to usr/ as on a merged system; later versions of what the system has are left out.
unpack() {
    t=$(mktemp -d "$dir/unpack.XXXXXX")
    dpkg-deb -x "$1" "$t"
    for d in bin sbin lib lib64; do
        [ ! -d "$t/$d" ] || { mkdir -p "$t/usr/$d" && cp -a "$t/$d/." "$t/usr/$d/"; }
    done
    for d in usr etc; do
        [ ! -d "$t/$d" ] || { mkdir -p "$dir/root/$d" && cp -a "$t/$d/." "$dir/root/$d/"; }
    done
    rm -rf "$t"
}

get() {
    [ ! -e "$dir/complete" ] || return 0
    mkdir -p "$dir/packages" "$dir/root/usr" "$dir/root/etc"
    packages=$(closure)
    # shellcheck disable=SC2086
    (cd "$dir/packages" && apt-get download -qq $packages) >"$dir/get.log" 2>&1 || {
        tail -5 "$dir/get.log" >&2
        return 1
    }
    for p in "$dir"/packages/*.deb; do unpack "$p"; done
    # What the packages' own scripts would have made.
    for t in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
        [ -e "$dir/root/usr/sbin/$t" ] || ln -s xtables-nft-multi "$dir/root/usr/sbin/$t"
    done
    [ -e "$dir/root/usr/bin/gnuplot" ] || [ ! -e "$dir/root/usr/bin/gnuplot-nox" ] || ln -s gnuplot-nox "$dir/root/usr/bin/gnuplot"
    rm -rf "$dir/packages"
    : >"$dir/complete"
}

# Writes go to /run, which is the world's own.
lay() {
    for d in usr etc; do
        mkdir -p "/run/peers/$d" "/run/peers/$d.work"
        mount -t overlay -o "lowerdir=$dir/root/$d:/$d,upperdir=/run/peers/$d,workdir=/run/peers/$d.work" overlay "/$d"
    done
}

case $act in
get) get ;;
mount) lay ;;
mount-without-v2)
    lay
    awk '$3 == "cgroup2" { print $2 }' /proc/self/mounts | while read -r at; do umount "$at"; done
    ;;
*)
    sed -n 3,9p "$0"
    exit 2
    ;;
esac
