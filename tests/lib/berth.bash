# SPDX-License-Identifier: Apache-2.0
#
# For bats files: a berthd in a world of its own, clients pointed at it, and looks at the kernel.
#
# BERTH_PREFIX is the installed engine, BERTH_DRIVER_PREFIX what its drivers' names begin with, BERTH_WORK where caches live.

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${BERTH_PREFIX:?}" "${BERTH_WORK:=/var/tmp/berth-tests}" "${BERTH_DRIVER_PREFIX:=}"
DP=$BERTH_DRIVER_PREFIX
BERTHD=$BERTH_PREFIX/bin/berthd
BERTH=$BERTH_PREFIX/bin/berth

world() { sh "$LIB/world.sh" "$1" "${T:?no world}" "${@:2}"; }
# Runs a command in the world (as the daemon would see things).
inworld() { world enter "$@"; }
# Runs a command in the world's network only.
innet() { world net "$@"; }

# Makes the world and $T. Call in setup_file; world_down in teardown_file.
world_up() {
    mkdir -p "$BERTH_WORK" && T=$(mktemp -d "$BERTH_WORK/t.XXXXXX") || return 1
    export T
    export DOCKER_HOST=unix://$T/berth.sock DOCKER_CONFIG=$T/docker-config BERTH_HOST=unix://$T/berth.sock
    mkdir -p "$DOCKER_CONFIG"
    world start
}

world_down() {
    [ -n "${T:-}" ] || return 0
    world stop
    # What a failed test left mounted below $T must not be followed into.
    awk -v t="$T/" 'index($2, t) == 1 { print $2 }' /proc/self/mounts | sort -r | while read -r m; do umount -l "$m"; done
    rm -rf --one-file-system "$T"
}

# Writes $T/daemon.conf; arguments are further lines.
write_conf() {
    : "${T:?no world}"
    cat >"$T/daemon.conf" <<EOF
data_root = "$T/data"; run_root = "$T/run"; group = "root";
listen = [ "${BERTH_LISTEN:-unix://$T/berth.sock}" ];
log_level = "debug";
storage: { driver = "${STORAGE:-${DP}overlay}"; };
network: { default = "bridge";
  predefined = ( { name = "bridge"; driver = "${DP}bridge"; }, { name = "host"; driver = "${DP}host"; }, { name = "none"; driver = "${DP}none"; } ); };
logs: { driver = "${LOGDRIVER:-${DP}json-file}"; };
EOF
    printf '%s\n' "$@" >>"$T/daemon.conf"
}

daemon_ready() {
    local n=0
    until curl -sf --unix-socket "$T/berth.sock" http://x/_ping >/dev/null 2>&1; do
        n=$((n + 1))
        if [ $n -gt 200 ] || ! kill -0 "$(cat "$T/berthd.pid" 2>/dev/null)" 2>/dev/null; then
            echo "berthd is not there:" >&2
            tail -20 "$T/berthd.log" >&2
            return 1
        fi
        sleep 0.05
    done
}

# old-kernel, built once.
old_kernel() {
    local bin=$BERTH_WORK/old-kernel
    if [ ! "$bin" -nt "$LIB/old-kernel.c" ]; then
        gcc -O1 -o "$bin.$$" "$LIB/old-kernel.c" && mv "$bin.$$" "$bin" || return 1
    fi
    echo "$bin"
}

# Starts berthd in the world, with further arguments, and waits until it answers. OLD_KERNEL: what the kernel is to lack (old-kernel.c).
daemon_start() {
    : "${T:?no world}"
    local launcher=()
    # shellcheck disable=SC2206
    [ -z "${OLD_KERNEL:-}" ] || launcher=("$(old_kernel)" $OLD_KERNEL --)
    [ -e "$T/daemon.conf" ] || write_conf
    rm -f "$T/berthd.pid"
    # shellcheck disable=SC2016
    setsid sh "$LIB/world.sh" enter "$T" sh -c 'echo $$ >"$0/berthd.pid"; exec "$@"' "$T" \
        "${launcher[@]}" "$BERTHD" --config "$T/daemon.conf" "$@" </dev/null >>"$T/berthd.log" 2>&1 3>&- 4>&- &
    local n=0
    until [ -s "$T/berthd.pid" ] || [ $((n += 1)) -gt 100 ]; do sleep 0.02; done
    daemon_ready
}

daemon_gone() { # waits until the daemon's pid is no more
    local n=0
    while kill -0 "$1" 2>/dev/null && [ $((n += 1)) -lt 400 ]; do sleep 0.02; done
    ! kill -0 "$1" 2>/dev/null
}

daemon_stop() {
    local p
    p=$(cat "$T/berthd.pid")
    kill -TERM "$p" && daemon_gone "$p"
}

daemon_kill() {
    local p
    p=$(cat "$T/berthd.pid")
    kill -KILL "$p" && daemon_gone "$p"
}

# A root file system of Debian's busybox as a tar, made once.
busybox_tar() {
    local tar=$BERTH_WORK/busybox.tar d
    if [ ! -e "$tar" ]; then
        # Without a directory of its own this would write into the machine's root.
        mkdir -p "$BERTH_WORK" && d=$(mktemp -d "$BERTH_WORK/bb.XXXXXX") && [ -d "$d" ] || return 1
        busybox_root "$d" && tar -C "$d" --numeric-owner -cf "$tar.tmp" . && mv "$tar.tmp" "$tar" || return 1
        rm -rf "${d:?}"
    fi
    echo "$tar"
}
busybox_root() { # busybox_root DIR
    local d=${1:?} a
    mkdir -p "$d/bin" "$d/etc" "$d/tmp" "$d/root" "$d/home/app" "$d/var/www" "$d/dev" "$d/proc" "$d/sys" || return 1
    cp /bin/busybox "$d/bin/busybox" || return 1
    # shellcheck disable=SC2016
    for a in $("$d/bin/busybox" --list); do [ "$a" = busybox ] || ln -s busybox "$d/bin/$a"; done
    printf 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000:app:/home/app:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$d/etc/passwd"
    printf 'root:x:0:\nwheel:x:10:app\napp:x:1000:\naudio:x:29:app\nnogroup:x:65534:\n' >"$d/etc/group"
    echo '<h1>hello from berth</h1>' >"$d/var/www/index.html"
    chmod 755 "$d"
    chmod 1777 "$d/tmp"
    chown 1000:1000 "$d/home/app"
}

# Imports it as busybox:latest.
import_busybox() {
    curl -sf --unix-socket "$T/berth.sock" -H 'Content-Type: application/x-tar' \
        -X POST -T "$(busybox_tar)" "http://x/images/create?fromSrc=-&repo=busybox&tag=latest&changes=CMD%20%5B%22sh%22%5D" >/dev/null
}

# api METHOD PATH [BODY]: prints the body, then the status on a line of its own.
api() {
    if [ $# -gt 2 ]; then
        curl -s --unix-socket "$T/berth.sock" -X "$1" -H 'Content-Type: application/json' -d "$3" -w '\n%{http_code}\n' "http://x$2"
    else
        curl -s --unix-socket "$T/berth.sock" -X "$1" -w '\n%{http_code}\n' "http://x$2"
    fi
}
api_status() { api "$@" | tail -n 1; }

# The docker client of Debian 12, unpacked (installing it would start a dockerd).
docker_client() {
    local d=$BERTH_WORK/docker.io
    if [ ! -x "$d/usr/bin/docker" ]; then
        mkdir -p "$d"
        (cd "$d" && apt-get download -qq docker.io >/dev/null 2>&1 && dpkg-deb -x docker.io_*.deb .) || return 1
    fi
    echo "$d/usr/bin/docker"
}

# The docker client to test with: the newest there is.
docker() {
    if [ -z "${DOCKER_BIN:-}" ]; then
        DOCKER_BIN=$(type -P docker || docker_client)
    fi
    "$DOCKER_BIN" "$@"
}

# Retries a command until it succeeds, at most N seconds.
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

census_files() { find "$T/data/containers" "$T/data/storage" "$T/data/volumes" "$T/run" ! -path '*/netd/state' 2>/dev/null; }
# What the kernel holds of this daemon, as numbers a line each: compare before and after.
# A shim in reserve is there or not, as it happens; it is not counted.
kernel_census() {
    local instance pid spares
    instance=$(cat "$T/data/instance")
    pid=$(cat "$T/berthd.pid")
    echo "mounts $(inworld cat /proc/self/mountinfo | wc -l)"
    echo "links $(innet ip -o link | wc -l)"
    echo "elements $(innet nft -j list table inet "berth-$instance" 2>/dev/null | grep -o '"elem"' | wc -l)"
    echo "nft $(innet nft list table inet "berth-$instance" 2>/dev/null | cksum)"
    echo "cgroups $(inworld find /sys/fs/cgroup -type d | wc -l)"
    spares=$(pgrep -c -P "$pid" -f '^berth-shim -{64}$' || :)
    echo "fds $(($(ls "/proc/$pid/fd" | wc -l) - 2 * spares))"
    echo "files $(census_files | wc -l)"
    echo "processes $(($(inworld sh -c 'cat $(find /sys/fs/cgroup/pids -name cgroup.procs 2>/dev/null || find /sys/fs/cgroup -name cgroup.procs)' | wc -l) - spares))"
}

# The client under test in the system suite.
b() { "$BERTH" "$@"; }

# Field of `inspect` by template.
field() { b inspect --format "$2" "$1"; }
init_pid() { field "$1" '{{.State.Pid}}'; }

# Fails when the command succeeds (`! command` would not end a test).
refute() {
    ! "$@" || {
        echo "this should have failed: $*"
        return 1
    }
}

# Whether a process has ended, reaped or not.
ended() {
    local s
    s=$(awk '/^State/ { print $2 }' "/proc/$1/status" 2>/dev/null) || return 0
    [ -z "$s" ] || [ "$s" = Z ] || [ "$s" = X ]
}
