#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a plain container is confined by, compared with what Docker's own daemon gives.
#
#   confinement.sh record FILE     runs the probe under the daemon of DOCKER_HOST and writes what it saw
#   confinement.sh compare [REF]   the same, then compares it with REF, or with the recording of this machine's cgroup layout
#
# Exit code 0: equal but for confinement-exceptions.txt; 1: it differs; 2: it could not be run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
act=${1:-compare}
docker=${DOCKER:-docker}
work=$(mktemp -d)
image=confine-probe-$$
trap '"$docker" rmi -f "$image" >/dev/null 2>&1 || :; rm -rf "$work"' EXIT

layout() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        echo v2
    elif grep -q ' - cgroup2 ' /proc/self/mountinfo; then
        echo hybrid
    else
        echo v1
    fi
}

# The newest recording of this layout: another kernel's is fine, what exists in only one of the two is counted only.
reference() {
    find "$here" -name "confinement-docker-*-$(layout).json" | sort -V | tail -n 1
}

command -v "$docker" >/dev/null || { echo "confinement: no docker client" >&2; exit 2; }
${CC:-cc} -O1 -static -o "$work/probe" "$here/confine-probe.c"
mkdir -p "$work/root/etc"
cp "$work/probe" "$work/root/probe"
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/root/etc/passwd"
tar -C "$work/root" --owner=0 --group=0 -cf "$work/root.tar" .
"$docker" import "$work/root.tar" "$image" >/dev/null
"$docker" run --rm --network none --hostname probe "$image" /probe >"$work/seen.json"

case $act in
record)
    python3 "$here/confinement.py" normalise "$work/seen.json" "$(uname -r)" "$(layout)" >"$2"
    ;;
compare)
    ref=${2:-$(reference)}
    [ -n "$ref" ] || { echo "confinement: no recording for cgroup layout $(layout)" >&2; exit 2; }
    python3 "$here/confinement.py" normalise "$work/seen.json" "$(uname -r)" "$(layout)" >"$work/mine.json"
    python3 "$here/confinement.py" compare "$ref" "$work/mine.json" "$here/confinement-exceptions.txt"
    ;;
*)
    sed -n '3,8p' "$0" >&2
    exit 2
    ;;
esac
