#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A container's files: diff, export, cp, commit. Each looks at what the kernel shows inside the container, or at the tar itself.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
    # A container that runs, and one that has ended, with everything a tree can hold.
    cat >"$T/fill" <<'S'
mkdir -p /d/sub; echo one >/d/a; ln /d/a /d/b; ln -s a /d/link; ln -s /etc /d/abs; mkfifo /d/fifo; mknod /d/null c 1 3
chown 3000000000:3000000001 /d/a; chmod 4750 /d/sub; dd if=/dev/zero of=/d/sparse bs=1 count=1 seek=8388607 2>/dev/null
rm /var/www/index.html; rmdir /root; chmod 700 /home
S
    b run --name ended busybox sh -c "$(cat "$T/fill")"
    b run -d --name runs -v vol:/data -v "$T":/host:ro --tmpfs /scratch busybox sh -c "$(cat "$T/fill"); touch /ready; sleep 10000" >/dev/null
    eventually 10 b exec runs test -e /ready
}
teardown_file() { world_down; }

mounts() { inworld cat /proc/self/mountinfo | wc -l; }
idle() { [ -z "$(b inspect -f '{{.State.Status}}' "$1" 2>&1 | grep -v -e exited -e running -e created)" ]; }

@test "diff: kinds, a directory before what is in it, and nothing of what the engine mounts" {
    run b diff ended
    echo "$output"
    [ "$output" = 'A /d
A /d/a
A /d/abs
A /d/b
A /d/fifo
A /d/link
A /d/null
A /d/sparse
A /d/sub
C /home
D /root
C /var
C /var/www
D /var/www/index.html' ]
    b create --name untouched busybox >/dev/null
    [ "$(api GET /containers/untouched/changes | head -n 1)" = null ]
    [ "$(api_status GET /containers/nope/changes)" = 404 ]
    b rm untouched
}

@test "export: all of the tree, the same bytes twice, of a running container as of one that has ended" {
    local before
    before=$(mounts)
    b export -o "$T/ended.tar" ended
    b export ended >"$T/again.tar"
    cmp "$T/ended.tar" "$T/again.tar"
    b export -o "$T/runs.tar" runs
    [ "$(mounts)" = "$before" ]
    for f in ended runs; do
        rm -rf "$T/x"
        mkdir "$T/x"
        tar -C "$T/x" --xattrs --numeric-owner -xpf "$T/$f.tar"
        [ "$(stat -c '%u:%g %h' "$T/x/d/a")" = "3000000000:3000000001 2" ]
        [ "$(stat -c %i "$T/x/d/a")" = "$(stat -c %i "$T/x/d/b")" ]
        [ "$(readlink "$T/x/d/link")$(readlink "$T/x/d/abs")" = a/etc ]
        [ -p "$T/x/d/fifo" ]
        [ -c "$T/x/d/null" ]
        [ "$(stat -c '%t:%T' "$T/x/d/null")" = 1:3 ]
        [ "$(stat -c %a "$T/x/d/sub")" = 4750 ]
        [ "$(stat -c %s "$T/x/d/sparse")" = 8388608 ]
        [ "$(stat -c %b "$T/x/d/sparse")" -lt 1000 ]
        [ ! -e "$T/x/var/www/index.html" ]
        [ ! -e "$T/x/root" ]
        # What is mounted on it is no file of it.
        [ -d "$T/x/proc" ]
        [ -z "$(ls "$T/x/proc" "$T/x/sys" | grep -v :)" ]
        [ ! -s "$T/x/etc/resolv.conf" ]
        [ -f "$T/x/.dockerenv" ]
        [ ! -e "$T/x/dev/null" ]
    done
    [ -d "$T/x/data" ]
    [ -z "$(ls "$T/x/data" "$T/x/host" "$T/x/scratch" | grep -v :)" ]
}

@test "export: what is exported makes the same container again" {
    b export ended | b import - again:1
    [ "$(b run --rm again:1 sh -c 'cat /d/b; stat -c %u /d/a; ls /root 2>&1')" = "$(printf 'one\n3000000000\nls: /root: No such file or directory')" ]
    b rmi again:1
}

@test "export: a client that leaves, and a daemon that is killed, leave nothing mounted" {
    local before
    before=$(mounts)
    b run --name big busybox dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null
    b export big | head -c 1000 >/dev/null || :
    eventually 10 idle big
    b start big # the claim is gone
    eventually 10 idle big
    b wait big
    (b export big || :) | (head -c 1000 >/dev/null; sleep 5) &
    sleep 0.3
    daemon_kill
    [ "$(mounts)" = "$before" ]
    daemon_start
    # The same with volumes put together for a copy.
    b create --name late -v vol:/data -v "$T":/host busybox true >/dev/null
    (b cp big:/big - || :) | (head -c 1000 >/dev/null; sleep 5) &
    (b cp late:/host - || :) | (head -c 1000 >/dev/null; sleep 5) &
    sleep 0.3
    daemon_kill
    [ "$(mounts)" = "$before" ]
    [ "$(grep -c "$T/data" /proc/self/mountinfo)" = 0 ]
    daemon_start
    b rm big late
    [ "$(mounts)" = "$before" ]
}

@test "cp out: names as docker gives them" {
    names() { b cp "runs:$1" - | tar tf - | head -n 2 | tr '\n' ' '; }
    [ "$(names /d)" = "d/ d/a " ]
    [ "$(names d/)" = "d/ d/a " ]
    [ "$(names /d/.)" = "./ ./a " ]
    [ "$(names /d/a)" = "a " ]
    [ "$(names /d/link)" = "link " ]
    [ "$(names /d/abs/)" = "abs/ abs/group " ]
    [ "$(names ../../../d/../d/a)" = "a " ]
    b cp runs:/ - >"$T/all.tar"
    tar tf "$T/all.tar" 2>/dev/null | grep -q '^/host/daemon.conf$'
    # The kernel's and the engine's own directories are empty, as a container without processes has them.
    refute grep -E '^/(proc|sys|dev)/.' <(tar tf "$T/all.tar" 2>/dev/null)
    [ "$(api_status GET '/containers/runs/archive?path=/nope')" = 404 ]
    [ "$(api_status GET '/containers/runs/archive?path=/d/a/')" = 400 ]
    [ "$(api_status GET '/containers/runs/archive?path=/d/a/x')" = 400 ]
    [ "$(api_status GET '/containers/runs/archive')" = 400 ]
    [ "$(api_status GET '/containers/nope/archive?path=/')" = 404 ]
    [ "$(api_status GET "/containers/runs/archive?path=/$(printf 'x%.0s' {1..300})")" = 404 ]
    [ "$(api_status GET '/containers/runs/archive?path=/proc/version')" = 404 ]
}

@test "cp out: the header of HEAD and GET" {
    local h
    h=$(curl -sI --unix-socket "$T/berth.sock" "http://x/containers/runs/archive?path=/d/abs" | tr -d '\r' | sed -n 's/^X-Docker-Container-Path-Stat: //p' | base64 -d)
    echo "$h"
    [[ $h == *'"name":"abs"'* && $h == *'"mode":134218239'* && $h == *'"linkTarget":"/etc"'* && $h == *'"size":4'* ]]
    h=$(curl -s -o /dev/null -D - --unix-socket "$T/berth.sock" "http://x/containers/ended/archive?path=/d/sub" | tr -d '\r' | sed -n 's/^X-Docker-Container-Path-Stat: //p' | base64 -d)
    echo "$h"
    [[ $h == *'"name":"sub"'* && $h == *'"mode":2155872744'* && $h == *'"linkTarget":""'* ]]
}

@test "cp: all forms of source and destination, in and out" {
    local d=$T/cp
    for c in runs ended; do
        rm -rf "$d"
        mkdir -p "$d/src/deep" "$d/out"
        echo x >"$d/src/deep/x"
        echo f >"$d/f"
        ln -s f "$d/l"
        b cp -q "$d/f" "$c:/tmp"        # file into a directory
        b cp -q "$d/f" "$c:/tmp/g"      # file to a new name
        b cp -q "$d/src" "$c:/tmp"      # directory into a directory
        b cp -q "$d/src" "$c:/tmp/new"  # directory to a new name
        b cp -q "$d/src/." "$c:/tmp"    # what a directory holds
        b cp -q "$d/l" "$c:/tmp/l"      # a link
        b cp -qL "$d/l" "$c:/tmp/followed"
        tar -C "$d" -cf - f | b cp -q - "$c:/home/app"
        b cp -q "$c:/tmp" "$d/out"
        b cp -q "$c:/tmp/." "$d/flat" 2>/dev/null || b cp -q "$c:/tmp" "$d/flat"
        b cp -q "$c:/tmp/f" "$d/out/copied"
        (cd "$d/out" && find tmp | LC_ALL=C sort) >"$d/list"
        diff "$d/list" - <<'L'
tmp
tmp/deep
tmp/deep/x
tmp/f
tmp/followed
tmp/g
tmp/l
tmp/new
tmp/new/deep
tmp/new/deep/x
tmp/src
tmp/src/deep
tmp/src/deep/x
L
        [ "$(readlink "$d/out/tmp/l")" = f ]
        [ -f "$d/out/tmp/followed" ]
        [ ! -L "$d/out/tmp/followed" ]
        [ "$(cat "$d/out/copied")" = f ]
        [ -d "$d/flat/src" ]
        [ "$(b cp "$c:/home/app/f" - | tar xOf -)" = f ]
        run b cp "$d/src" "$c:/tmp/f"
        [ "$status" -eq 1 ]
        [[ $output == *"cannot copy directory"* ]]
        run b cp "$d/f" "$c:/tmp/nodir/"
        [ "$status" -eq 1 ]
        [[ $output == *"no such directory"* ]]
        run b cp "$d/f" "$c:/nope/x/y"
        [ "$status" -eq 1 ]
        [[ $output == *"Could not find the file /nope/x in container $c"* ]]
        run b cp "$d/nope" "$c:/tmp"
        [ "$status" -eq 1 ]
        [[ $output == *"no such file"* ]]
        run b cp "$c:/tmp/f" "$d/none/x"
        [ "$status" -eq 1 ]
        [[ $output == *"does not exist"* ]]
        run b cp - "$c:/tmp/f" </dev/null
        [ "$status" -eq 1 ]
        [[ $output == *"must be a directory"* ]]
    done
    run b cp runs:/a ended:/b
    [ "$status" -eq 1 ]
    [[ $output == *"between containers"* ]]
    run b cp /a /b
    [ "$status" -eq 1 ]
    [[ $output == *"at least one container"* ]]
}

@test "cp: volumes, binds and tmpfs are seen; what is read-only is refused" {
    echo v >"$T/v"
    b cp -q "$T/v" runs:/data
    [ "$(cat "$T/data/volumes/vol/_data/v")" = v ]
    [ "$(b exec runs cat /data/v)" = v ]
    b cp -q "$T/v" runs:/scratch
    [ "$(b exec runs cat /scratch/v)" = v ]
    put() { curl -s -o "$T/answer" -w '%{http_code}' --unix-socket "$T/berth.sock" -X PUT -T "$T/a.tar" "http://x/containers/$1/archive?path=$2"; }
    tar -C "$T" -cf "$T/a.tar" v
    [ "$(put runs /host)" = 403 ]
    grep -q 'mounted volume is marked read-only' "$T/answer"
    [ ! -e "$T/x/v" ]
    b create --name still -v vol:/made/data -v "$T":/made/ro:ro --read-only busybox true >/dev/null
    # The volume is there though the container never ran, and nothing of it is mounted in the world.
    local before
    before=$(mounts)
    [ "$(b cp still:/made/data/v - | tar xOf -)" = v ]
    [ "$(put still /made/data)" = 200 ]
    [ "$(put still /made/ro)" = 403 ]
    grep -q 'mounted volume is marked read-only' "$T/answer"
    [ "$(put still /tmp)" = 403 ]
    grep -q 'container rootfs is marked read-only' "$T/answer"
    [ "$(put still /etc/passwd)" = 400 ]
    grep -q 'extraction point is not a directory' "$T/answer"
    [ "$(put runs /proc/sys)" = 403 ]
    [ "$(mounts)" = "$before" ]
    b rm still
}

@test "cp: owners" {
    b create --name owned -u app:audio busybox true >/dev/null
    echo o >"$T/o"
    chown 7:8 "$T/o"
    b cp -q "$T/o" owned:/tmp/kept
    b cp -q -a "$T/o" owned:/tmp/users
    [ "$(b cp owned:/tmp/kept - | tar --numeric-owner -tvf - | awk '{ print $2 }')" = 7/8 ]
    [ "$(b cp owned:/tmp/users - | tar --numeric-owner -tvf - | awk '{ print $2 }')" = 1000/29 ]
    b rm owned
}

@test "cp: hostile and broken archives" {
    python3 - "$T" <<'P'
import io, sys, tarfile
t = sys.argv[1]
def make(name, *members):
    with tarfile.open(f"{t}/bad-{name}.tar", "w") as tar:
        for m, kind, link in members:
            i = tarfile.TarInfo(m)
            i.type, i.linkname = kind, link
            i.size = 0 if kind != tarfile.REGTYPE else 1
            tar.addfile(i, io.BytesIO(b"q"))
R, S, L, D = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
make("up", ("../../../../../escaped", R, ""))
make("link", ("l", S, "../../../../../../.."), ("l/escaped", R, ""))
make("hard", ("h", L, "../../../../../../../etc/passwd"))
make("whole", ("a", R, ""), ("b", R, ""))
open(f"{t}/bad-half.tar", "wb").write(open(f"{t}/bad-whole.tar", "rb").read()[:600])
P
    put() { curl -s -o "$T/answer" -w '%{http_code}' --unix-socket "$T/berth.sock" -X PUT -T "$T/bad-$1.tar" "http://x/containers/runs/archive?path=/tmp"; }
    [ "$(put up)" = 400 ]
    grep -q 'escapes the root' "$T/answer"
    [ "$(put hard)" = 400 ]
    grep -q 'points outside the root' "$T/answer"
    [ "$(put half)" = 400 ]
    grep -q 'ar entry' "$T/answer"
    # A link that climbs is only a link, and what goes through it stays in the container.
    [ "$(put link)" = 200 ]
    b exec runs test -e /escaped
    [ ! -e /escaped ]
    [ ! -e "$T/escaped" ]
    # A client that dies in the middle is no end of the archive.
    head -c 3000 /dev/urandom >"$T/r"
    python3 - "$T" <<'P'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1] + "/berth.sock")
s.sendall(b"PUT /containers/runs/archive?path=/tmp HTTP/1.1\r\nHost: x\r\nContent-Length: 4096\r\n\r\n" + open(sys.argv[1] + "/bad-whole.tar", "rb").read()[:1024])
s.close()
P
    [ "$(put whole)" = 200 ]
}

@test "cp: links that are swapped all the time lead nowhere but into the container" {
    # The container's processes put links to outside (as the host sees them) in the place of directories and files, as fast as they can.
    mkdir -p "$T/outside"
    echo secret >"$T/outside/f"
    echo secret >"$T/outside/d"
    b run -d --name swaps busybox sh -c "
        mkdir -p /w/real /w/keep; echo mine >/w/real/f; echo mine >/w/real/d; mkdir -p $T/outside; echo mine >$T/outside/f
        while :; do ln -s $T/outside /w/t; mv -T /w/real /w/keep/r; mv -T /w/t /w/real; rm /w/real; mv -T /w/keep/r /w/real
            ln -sf $T/outside/f /w/real/f; rm -f /w/real/f; echo mine >/w/real/f; done 2>/dev/null" >/dev/null
    tar -C "$T/outside" -cf "$T/swap.tar" f
    printf 'planted' >"$T/p"
    eventually 10 b exec swaps test -e /w/real
    before=$(stat -c '%Y %a %u' "$T/outside/f")
    python3 - "$T" <<'P'
import concurrent.futures, http.client, io, socket, sys, tarfile, time
t = sys.argv[1]
class C(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(t + "/berth.sock")
def tar():
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w") as f:
        for n in ("f", "deep/er/x"):
            i = tarfile.TarInfo(n)
            i.size, i.mode, i.uid = 7, 0o4777, 12345
            f.addfile(i, io.BytesIO(b"planted"))
    return b.getvalue()
end = time.time() + 3
def work(n):
    count = 0
    while time.time() < end:
        c = C("x")
        if n % 2:
            c.request("PUT", "/containers/swaps/archive?path=/w/real", tar())
            c.getresponse().read()
        else:
            c.request("GET", "/containers/swaps/archive?path=/w" + ("/real/f", "", "/real/")[count % 3])
            try:
                body = c.getresponse().read()
            except http.client.IncompleteRead:
                continue
            assert b"secret" not in body, "a file of the host's came out"
        count += 1
    return count
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(list(pool.map(work, range(4))))
P
    [ "$(cat "$T/outside/f")" = secret ]
    [ "$(cat "$T/outside/d")" = secret ]
    [ "$(stat -c '%Y %a %u' "$T/outside/f")" = "$before" ]
    [ "$(ls "$T/outside" | tr '\n' ' ')" = "d f " ]
    b rm -f swaps
}

@test "cp: larger than memory goes through" {
    # 300 MB through a daemon that may have 100 MB more than it has.
    local rss p
    p=$(cat "$T/berthd.pid")
    rss=$(awk '/VmHWM/ { print $2 }' "/proc/$p/status")
    head -c 314572800 /dev/zero >"$T/large"
    b cp -q "$T/large" runs:/data/large
    [ "$(stat -c %s "$T/data/volumes/vol/_data/large")" = 314572800 ]
    b cp -q runs:/data/large "$T/back"
    cmp "$T/large" "$T/back"
    [ "$(awk '/VmHWM/ { print $2 }' "/proc/$p/status")" -lt $((rss + 102400)) ]
    rm -f "$T/large" "$T/back" "$T/data/volumes/vol/_data/large"
}

@test "commit: the changes become an image, whose container has them" {
    local id
    id=$(b commit -a 'me <me@x>' -m words -c 'ENV A=b' -c 'CMD ["cat", "/d/b"]' ended made:1)
    [[ $id == sha256:* ]]
    [ "$(b run --rm made:1)" = one ]
    [ "$(b run --rm made:1 sh -c 'echo $A; ls -d /root /var/www/index.html 2>&1 | wc -l; stat -c "%u %h" /d/a; ls -d /d/fifo')" = "$(printf 'b\n2\n3000000000 2\n/d/fifo')" ]
    [ "$(b inspect -f '{{.Author}} {{.Comment}} {{len .RootFS.Layers}}' made:1)" = "me <me@x> words 2" ]
    [ "$(b history --format '{{.Comment}}' made:1 | head -n 1)" = words ]
    # What is committed twice is the same layer.
    b commit ended made:2 >/dev/null
    [ "$(b inspect -f '{{index .RootFS.Layers 1}}' made:1)" = "$(b inspect -f '{{index .RootFS.Layers 1}}' made:2)" ]
    # Its blob is the plain tar behind the diff id.
    id=$(b inspect -f '{{index .RootFS.Layers 1}}' made:1)
    [ "$(sha256sum <"$T/data/blobs/sha256/${id#sha256:}" | cut -d' ' -f1)" = "${id#sha256:}" ]
    tar tf "$T/data/blobs/sha256/${id#sha256:}" | grep -qx 'var/www/.wh.index.html'
    b rmi made:1 made:2
    run b system check --deep
    [ "$status" -eq 0 ]
}

@test "commit: a running container is frozen meanwhile, and runs on" {
    b events --since 0s --filter container=runs --format '{{.Action}}' >"$T/events" &
    local watcher=$!
    sleep 0.2
    b commit runs frozen:1 >/dev/null
    b commit --no-pause runs frozen:2 >/dev/null
    eventually 5 grep -qx commit "$T/events"
    kill $watcher
    [ "$(head -n 3 "$T/events" | tr '\n' ' ')" = "pause unpause commit " ]
    [ "$(b exec runs echo on)" = on ]
    # Volumes are not in it.
    b cp -q "$T/v" runs:/data
    [ "$(b run --rm frozen:1 sh -c 'ls /data | wc -l')" = 0 ]
    b rmi frozen:1 frozen:2
}

@test "commit: nothing changed is no layer; bad input is refused" {
    b create --name same busybox >/dev/null
    b commit same same:1 >/dev/null
    [ "$(b inspect -f '{{len .RootFS.Layers}}' same:1)" = "$(b inspect -f '{{len .RootFS.Layers}}' busybox)" ]
    [ "$(api_status POST '/commit?container=nope')" = 404 ]
    [ "$(api_status POST '/commit')" = 404 ]
    [ "$(api_status POST '/commit?container=same&repo=UPPER')" = 400 ]
    [ "$(api_status POST '/commit?container=same&changes=NOPE%20x')" = 400 ]
    [ "$(api_status POST '/commit?container=same' '{"Env": 7}')" = 400 ]
    [ "$(b images -q | sort -u | wc -l)" = 2 ]
    b rmi same:1
    b rm same
}

@test "the same with vfs" {
    STORAGE=${DP}vfs
    daemon_stop
    mv "$T/daemon.conf" "$T/daemon.conf.overlay"
    write_conf
    daemon_start
    import_busybox
    b run --name vended busybox sh -c "$(cat "$T/fill")"
    [ "$(b diff vended | head -n 3 | tr '\n' ' ')" = "A /d A /d/a A /d/abs " ]
    b diff vended | grep -qx 'D /root'
    b export vended | tar tf - | grep -qx d/sparse
    b cp -q "$T/v" vended:/tmp
    [ "$(b cp vended:/tmp/v - | tar xOf -)" = v ]
    b commit vended vmade:1 >/dev/null
    [ "$(b run --rm vmade:1 sh -c 'cat /d/b /tmp/v; ls -d /root 2>&1; stat -c %h /d/a')" = "$(printf 'one\nv\nls: /root: No such file or directory\n2')" ]
    b rm vended
    b rmi vmade:1
}
