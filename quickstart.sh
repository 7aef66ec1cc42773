#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# From a checkout to a web server in a container, and through a crash of the daemon. As root, on Debian 12.
#
#   sh quickstart.sh             busybox; leaves nothing behind
#   sh quickstart.sh --debian    a Debian userland made by debootstrap
#   sh quickstart.sh --keep      leaves the daemon and the container running and says how to use them
#
# Everything lives below one directory (BERTH_QUICKSTART_DIR, default /var/tmp/berth-quickstart); the daemon has its own data,
# run directory, socket and bridge. BERTH_MIRROR: the Debian mirror for --debian (default: the machine's own).
set -eu
cd "$(dirname "$0")"
top=$PWD
dir=${BERTH_QUICKSTART_DIR:-/var/tmp/berth-quickstart}
port=${BERTH_QUICKSTART_PORT:-18080}
userland=busybox keep=no
for a in "$@"; do
    case $a in
    --debian) userland=debian ;;
    --keep) keep=yes ;;
    *) sed -n 3,11p "$0" && exit 2 ;;
    esac
done
[ "$(id -u)" = 0 ] || {
    echo "quickstart.sh needs root: it makes namespaces, mounts and a bridge" >&2
    exit 2
}

say() { printf '\033[1m==> %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '==> %s\n' "$*"; }
fail() {
    echo "quickstart: $*" >&2
    [ ! -e "$dir/berthd.log" ] || tail -15 "$dir/berthd.log" >&2
    exit 1
}

root=$dir/root
export BERTH_HOST="unix://$dir/berth.sock"
PATH=$root/bin:$root/sbin:$PATH
daemon_pid=

start_daemon() {
    berthd --config "$dir/daemon.conf" >>"$dir/berthd.log" 2>&1 &
    daemon_pid=$!
    n=0
    until curl -sf --unix-socket "$dir/berth.sock" http://berth/_ping >/dev/null; do
        n=$((n + 1))
        [ $n -lt 200 ] && kill -0 $daemon_pid 2>/dev/null || fail "the daemon did not come up"
        sleep 0.05
    done
}

clean_up() {
    [ -n "$daemon_pid" ] || return 0
    kill -0 "$daemon_pid" 2>/dev/null || start_daemon
    ids=$(berth ps -aq)
    # shellcheck disable=SC2086
    [ -z "$ids" ] || berth rm -f $ids >/dev/null
    kill "$daemon_pid" && wait "$daemon_pid" || :
    daemon_pid=
}
trap 'clean_up' EXIT
trap 'exit 130' INT TERM

say "Installing what is missing (apt-get)"
packages="meson ninja-build pkg-config gcc libc6-dev libconfig-dev libjansson-dev libnl-3-dev libnl-route-3-dev libarchive-dev libncurses-dev scdoc
    libsqlite3-dev libgnutls28-dev libhttp-parser-dev nettle-dev zlib1g-dev libseccomp-dev libcap-dev nftables iproute2 curl procps"
if [ $userland = busybox ]; then packages="$packages busybox-static"; else packages="$packages debootstrap"; fi
need=
for p in $packages; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || need="$need $p"
done
mkdir -p "$dir"
if [ -n "$need" ]; then
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $need; } >"$dir/apt.log" 2>&1 || {
        tail -5 "$dir/apt.log" >&2
        exit 2
    }
fi

say "Building berth and installing it below $root"
{ [ -e "$dir/build/build.ninja" ] || meson setup "$dir/build" "$top" -Dprefix="$root" -Dtests=false; } >"$dir/build.log" 2>&1 &&
    ninja -C "$dir/build" >>"$dir/build.log" 2>&1 && meson install -C "$dir/build" --no-rebuild >>"$dir/build.log" 2>&1 || {
    tail -20 "$dir/build.log" >&2
    exit 1
}

say "Starting a daemon of its own: data, run directory, socket and bridge below $dir"
cat >"$dir/daemon.conf" <<EOF
data_root = "$dir/data";
run_root  = "$dir/run";
listen    = [ "unix://$dir/berth.sock" ];
group     = "root";
network: { options: { bridge: { name = "berth-quick"; subnet = "172.31.241.0/24"; }; }; };
EOF
links_before=$(ip -o link | wc -l)
mounts_before=$(wc -l </proc/self/mountinfo)
start_daemon
berth version --format 'berth {{.Server.Version}}, API {{.Server.APIVersion}}, on Linux {{.Server.KernelVersion}}'

if [ $userland = busybox ]; then
    say "Making a root file system of Debian's busybox-static and importing it"
    rm -rf "$dir/rootfs"
    mkdir -p "$dir/rootfs/bin" "$dir/rootfs/etc" "$dir/rootfs/var/www" "$dir/rootfs/tmp"
    cp /bin/busybox "$dir/rootfs/bin/"
    for a in $(/bin/busybox --list); do [ "$a" = busybox ] || ln -sf busybox "$dir/rootfs/bin/$a"; done
    echo 'root:x:0:0:root:/:/bin/sh' >"$dir/rootfs/etc/passwd"
    serve='exec httpd -f -vv -p 80 -h /var/www'
else
    say "Making a Debian userland with debootstrap and importing it"
    [ -x "$dir/rootfs/usr/bin/perl" ] || {
        rm -rf "$dir/rootfs"
        debootstrap --variant=minbase bookworm "$dir/rootfs" ${BERTH_MIRROR:-} >"$dir/debootstrap.log" 2>&1 || {
            tail -5 "$dir/debootstrap.log" >&2
            exit 1
        }
    }
    mkdir -p "$dir/rootfs/var/www"
    # minbase has perl: a web server of four lines.
    serve='exec perl -MIO::Socket::INET -e '\''$|=1; $s=IO::Socket::INET->new(LocalPort=>80,Listen=>9,ReuseAddr=>1) or die; while($c=$s->accept){$_=<$c>; print "request: $_"; open F,"/var/www/index.html"; print $c "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n", <F>; close $c}'\'''
fi
echo '<h1>Served from a container</h1>' >"$dir/rootfs/var/www/index.html"
tar -C "$dir/rootfs" --numeric-owner -cf - . | berth import --change 'CMD ["sh"]' - "quickstart:$userland"
berth images

say "Running a web server with -p 127.0.0.1:$port:80"
id=$(berth run -d --name web -p "127.0.0.1:$port:80" "quickstart:$userland" sh -c "$serve")
page() { curl -s --retry 20 --retry-connrefused --retry-delay 0 --max-time 20 "http://127.0.0.1:$port/index.html"; }

say "Fetching its page through the published port"
page | grep . || fail "no page through the published port"

say "berth ps"
berth ps
say "berth logs"
berth logs web
say "Its log file, by inspect --format '{{.LogPath}}', and that file's last line"
log=$(berth inspect --format '{{.LogPath}}' "$id")
echo "$log"
tail -n 1 "$log"

say "kill -9 of the daemon: the container serves and logs on"
kill -KILL $daemon_pid
wait $daemon_pid 2>/dev/null || :
lines=$(wc -l <"$log")
page | grep . || fail "the container does not serve without its daemon"
n=0
until [ "$(wc -l <"$log")" -gt "$lines" ]; do
    n=$((n + 1))
    [ $n -lt 100 ] || fail "the container does not log without its daemon"
    sleep 0.05
done
echo "log lines before: $lines, now: $(wc -l <"$log")"

say "Starting the daemon again: it knows everything"
start_daemon
berth ps
berth logs --tail 1 web

if [ $keep = yes ]; then
    trap - EXIT
    say "Left running. To use it:"
    echo "export BERTH_HOST=unix://$dir/berth.sock DOCKER_HOST=unix://$dir/berth.sock PATH=$root/bin:\$PATH"
    echo "To end it:  berth rm -f web; kill $daemon_pid; rm -rf $dir"
    exit 0
fi

say "Stopping all of it"
instance=$(cat "$dir/data/instance")
clean_up
trap - EXIT
left=
[ "$(ip -o link | wc -l)" -le "$links_before" ] || left="$left links"
[ "$(wc -l </proc/self/mountinfo)" -le "$mounts_before" ] || left="$left mounts"
! nft list table inet "berth-$instance" >/dev/null 2>&1 || left="$left nft-table"
! find /sys/fs/cgroup -maxdepth 3 -type d -name "berth-$instance" | grep -q . || left="$left cgroups"
! pgrep -f "$dir/(root|run)/" >/dev/null || left="$left processes"
[ -z "$left" ] || fail "left behind:$left"
rm -rf "$dir/data" "$dir/run" "$dir/rootfs" "$dir/daemon.conf" "$dir/berthd.log" "$dir/berth.sock"
say "Done: nothing is left of it but the build below $dir"
