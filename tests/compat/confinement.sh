#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a plain container is confined by, compared with what Docker's own daemon gives.
#
#   confinement.sh record [VARIANT...]    runs the probe under the daemon of DOCKER_HOST and writes the recordings of this machine here
#   confinement.sh compare [VARIANT...]   the same, then compares it with the recording of this machine's cgroup layout
#
# A variant is what docker is asked for: plain, user, tty, exec, exec-user, exec-tty; without any: all of them.
# DOCKER is the client (docker), REFERENCES where recordings are (beside this file).
# Exit code 0: equal but for confinement-exceptions.txt; 1: it differs; 2: it could not be run.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
act=${1:-compare}
[ $# -eq 0 ] || shift
variants=${*:-plain user tty exec exec-user exec-tty}
docker=${DOCKER:-docker}
references=${REFERENCES:-$here}
work=$(mktemp -d)
name=confine-probe-$$
trap '"$docker" rm -f $name >/dev/null 2>&1 || :; "$docker" rmi -f $name >/dev/null 2>&1 || :; rm -rf "$work"' EXIT

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
    find "$references" -name "confinement-docker-*-$(layout).$1.json" | sort -V | tail -n 1
}

# Runs the probe as the variant says; what it saw goes to stdout.
probe() {
    run="$docker run --rm --network none --hostname probe"
    case $1 in
    plain) $run $name /probe ;;
    user) $run -u 1000:1000 $name /probe ;;
    tty) $run -t $name /probe ;;
    exec) "$docker" exec $name /probe ;;
    exec-user) "$docker" exec -u 1000:1000 $name /probe ;;
    exec-tty) "$docker" exec -t $name /probe ;;
    *)
        echo "confinement: no such variant: $1" >&2
        exit 2
        ;;
    esac
}

command -v "$docker" >/dev/null || { echo "confinement: no docker client" >&2; exit 2; }
${CC:-cc} -O1 -static -o "$work/probe" "$here/confine-probe.c"
mkdir -p "$work/root/etc"
cp "$work/probe" "$work/root/probe"
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/root/etc/passwd"
tar -C "$work/root" --owner=0 --group=0 -cf "$work/root.tar" .
"$docker" import "$work/root.tar" $name >/dev/null
"$docker" run -d --name $name --network none --hostname probe $name /probe wait >/dev/null

code=0
for v in $variants; do
    probe "$v" >"$work/seen.json"
    python3 "$here/confinement.py" normalise "$work/seen.json" "$(uname -r)" "$(layout)" >"$work/mine.json"
    case $act in
    record) cp "$work/mine.json" "$references/confinement-docker-$(uname -r)-$(layout).$v.json" ;;
    compare)
        ref=$(reference "$v")
        [ -n "$ref" ] || { echo "confinement: no recording of $v for cgroup layout $(layout)" >&2; exit 2; }
        echo "# $v"
        python3 "$here/confinement.py" compare "$ref" "$work/mine.json" "$here/confinement-exceptions.txt" || code=1
        ;;
    *)
        sed -n '3,11p' "$0" >&2
        exit 2
        ;;
    esac
done
exit $code
