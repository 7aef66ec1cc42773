#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Measures berth against its peers: sh tests/bench/run.sh [--against docker,podman,crun,runc|none] [--only ROW] [--quick] [--list]
#
# Peers come from Debian, unpacked below the work directory, never installed. Needs root. See docs/bench.md.
# BERTH_TEST_DIR: where to build and work. BERTH_PREFIX: an installed berth to measure instead of a build of this tree.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
test_dir=${BERTH_TEST_DIR:-/var/tmp/berth-tests}
work=$test_dir/bench
prefix=${BERTH_PREFIX:-$work/root}

case " $* " in *" --list "* | *" --help "* | *" -h "*) exec python3 -B "$here/bench.py" "$@" ;; esac
[ "$(id -u)" = 0 ] || {
    echo "the bench makes namespaces and containers: run it as root" >&2
    exit 2
}
mkdir -p "$work"

# As it is installed: no failpoints, no sanitizer.
build() {
    [ -e "$work/build/build.ninja" ] || meson setup "$work/build" "$top" -Dprefix="$prefix" -Dtests=false
    ninja -C "$work/build"
    meson install -C "$work/build" --no-rebuild
}
if [ -z "${BERTH_PREFIX:-}" ]; then
    build >"$work/build.log" 2>&1 || {
        tail -30 "$work/build.log" >&2
        exit 1
    }
fi
cc -O2 -Wall -D_GNU_SOURCE -pthread -o "$work/load" "$here/load.c"

case " $* " in
*" --against none "*) ;;
*) sh "$here/peers.sh" get "$work/peers" || echo "peers cannot be fetched: what is installed is used" >&2 ;;
esac
mkdir -p "$work/peers/root/usr" "$work/peers/root/etc"

# The root file system of the system tests.
export BERTH_PREFIX="$prefix" BERTH_WORK="$test_dir"
rootfs=$(bash -c '. "$1" && busybox_tar' bash "$here/../lib/berth.bash")
commit=$(git -C "$top" describe --always --dirty 2>/dev/null || :)
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$here/bench.py" --work "$work" --prefix "$prefix" --peers "$work/peers" --load "$work/load" --rootfs "$rootfs" --commit "$commit" "$@"
