#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Files that are lost, damaged, too old or too new, another driver's, and a full disk: data stays, and berthd starts or refuses in words.
load ../lib/berth

setup() {
    world_up
    daemon_start
    import_busybox
}
teardown() { world_down; }

# A living container, an ended one, a volume: with data in the volume and in both writable layers.
populate() {
    b run -d --name live -p 18080:80 -v named:/data busybox httpd -f -h /var/www >/dev/null
    b exec live sh -c 'echo volume >/data/f; echo layer >/root/f'
    b run --name ended busybox sh -c 'echo layer >/root/f; exit 3' || :
    live=$(b inspect -f '{{.Id}}' live) ended=$(b inspect -f '{{.Id}}' ended)
    pid=$(init_pid live)
    data=$(digests)
}
# Every byte below volumes/, and what the containers wrote into their layers.
digests() { find "$T/data/volumes" "$T/data/storage" -path '*/root/f' -o -path '*/_data/f' -type f | sort | xargs sha256sum; }
same_data() { [ -n "$data" ] && [ "$(digests)" = "$data" ]; }
whole() {
    [ "$(init_pid live)" = "$pid" ]
    [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]]
    [ "$(b exec live cat /data/f /root/f | xargs)" = "volume layer" ]
    [ "$(field ended '{{.State.ExitCode}}')" = 3 ]
    same_data
}
clean() {
    run b system check "$@"
    [ "$status" -eq 0 ] || {
        echo "$output"
        return 1
    }
}
refused() { # refused WORDS: the daemon does not start, and says them
    run inworld "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -ne 0 ]
    [[ $output == *"$1"* ]] || {
        echo "$output"
        return 1
    }
    same_data
}
empty() { : >"$1"; }
zero() { dd if=/dev/zero of="$1" bs="$(($(stat -c %s "$1") + 1))" count=1 conv=notrunc status=none; }
torn() { truncate -s $(($(stat -c %s "$1") / 2)) "$1"; }

@test "each state file but the database, emptied, zeroed or torn: the daemon starts, all is whole" {
    populate
    for how in empty zero torn; do
        daemon_stop
        for f in instance lock "containers/$live/plan.json" "containers/$ended/plan.json"; do $how "$T/data/$f"; done
        $how "$T/run/c/${live:0:16}/state"
        $how "$T/run/netd/state"
        daemon_start
        whole
        b system check --repair
        clean
    done
}

@test "the state of a reservation is lost together with netd: the port is reserved again" {
    populate
    daemon_stop
    kill -KILL "$(pgrep -f "berth-netd $T/run")"
    empty "$T/run/netd/state"
    daemon_start
    whole
    clean
}

@test "an exit file that is damaged: exited with 137 and words, the others are whole" {
    populate
    b run -d --name lost --network none busybox sleep 1000 >/dev/null
    id=$(b inspect -f '{{.Id}}' lost)
    p=$(init_pid lost)
    shim=$(awk '/^PPid/ { print $2 }' "/proc/$p/status")
    daemon_stop
    kill -KILL "$p"
    eventually 10 test -s "$T/run/c/${id:0:16}/exit"
    kill -KILL "$shim"
    empty "$T/run/c/${id:0:16}/exit"
    daemon_start
    [ "$(field lost '{{.State.Status}} {{.State.ExitCode}}')" = "exited 137" ]
    [ -n "$(field lost '{{.State.Error}}')" ]
    whole
    clean
}

@test "a database that is deleted, torn, zeroed or rubbish: refused, --recover is named, and brings all back" {
    populate
    for how in rm torn zero rubbish; do
        daemon_stop
        inworld sqlite3 "$T/data/berth.db" 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
        rubbish() { head -c 65536 /dev/urandom >"$1"; }
        $how "$T/data/berth.db"
        refused "berthd --recover"
        refused "$T/data/berth.db"
        run inworld "$BERTHD" --config "$T/daemon.conf" --recover
        [ "$status" -eq 0 ]
        daemon_start
        whole
        b tag "$(b images -q)" busybox
        clean --deep
    done
}

@test "a database of a newer berthd is refused, and is as it was" {
    populate
    daemon_stop
    inworld sqlite3 "$T/data/berth.db" 'PRAGMA wal_checkpoint(TRUNCATE); PRAGMA user_version=999' >/dev/null
    sum=$(sha256sum <"$T/data/berth.db")
    refused "version 999"
    [ "$(sha256sum <"$T/data/berth.db")" = "$sum" ]
    inworld sqlite3 "$T/data/berth.db" 'PRAGMA user_version=1' >/dev/null
    daemon_start
    whole
}

@test "an older copy of the database: what it does not know is kept, named or adopted" {
    daemon_stop
    cp "$T/data/berth.db" "$T/old.db"
    daemon_start
    populate
    daemon_stop
    rm -f "$T"/data/berth.db-*
    cp "$T/old.db" "$T/data/berth.db"
    daemon_start
    same_data
    kill -0 "$pid"
    [ "$(b volume ls -q)" = named ]
    grep -q "container $live has no row" "$T/berthd.log"
    [ -d "$T/data/containers/$live" ]
    ls "$T/data/lost+found" | grep -q "$ended"
    run b system check --format '{{range .Findings}}{{.Kind}} {{end}}'
    [ "$status" -eq 1 ]
    [[ $output == *monitor-stray* ]]
    [[ $output == *layer-stray* ]]
    run b system check --repair
    [ "$status" -eq 1 ]
    same_data
    kill -0 "$pid"
    [ "$(b run --rm busybox echo works)" = works ]
}

@test "an older copy of the database beside a newer log: it starts or refuses in words, data stays" {
    daemon_stop
    cp "$T/data/berth.db" "$T/old.db"
    daemon_start
    populate
    daemon_kill
    cp "$T/old.db" "$T/data/berth.db"
    if ! daemon_start 2>/dev/null; then refused "berthd --recover"; fi
    same_data
    kill -0 "$pid"
}

@test "a data_root of another storage driver: it starts, its trees are left alone, and all is there again with the first" {
    populate
    b create --name third busybox true
    daemon_stop
    STORAGE=${DP}vfs write_conf
    daemon_start
    same_data
    [ "$(init_pid live)" = "$pid" ]
    [ "$(b exec live cat /root/f)" = layer ]
    run b run --rm busybox true
    [ "$status" -ne 0 ]
    [ -n "$output" ]
    run b start third
    [ "$status" -ne 0 ]
    [ -n "$output" ]
    daemon_stop
    write_conf
    daemon_start
    whole
    b start -a third
    clean
}

@test "a kill between making a bridge and giving it its mark" {
    grep -q BERTH_FAILPOINTS "$BERTHD" || skip "built without -Dfailpoints=true"
    b rmi busybox
    for point in network.link-new network.link-named; do
        daemon_stop
        innet sh -c '! ip link show berth0 2>/dev/null'
        refute env BERTH_FAILPOINTS=$point=crash bash -c '. "$0"; daemon_start' "$LIB/berth.bash" 2>/dev/null
        daemon_start
        [ "$(innet ip -o link show type bridge | wc -l)" -eq 1 ]
        clean
    done
}

# --- a full disk: data_root is a small file system of the world's own

small_disk() { # small_disk SIZE
    daemon_stop
    rm -rf "$T/data"
    mkdir "$T/data"
    inworld mount -t tmpfs -o "size=$1" tmpfs "$T/data"
    daemon_start
    import_busybox
}
fill() { inworld sh -c 'dd if=/dev/zero of="$0/data/fill" bs=4k 2>/dev/null || :; dd if=/dev/zero of="$0/data/fill2" bs=1 count=4096 2>/dev/null || :' "$T"; }
free() { inworld rm -f "$T/data/fill" "$T/data/fill2"; }
kept() { [ "$(inworld cat "$T/data/volumes/named/_data/f")" = volume ]; }
says_why() { [[ $output == *full* ]] || [[ $output == *"o space left"* ]] || [[ $output == *ENOSPC* ]]; }

@test "a full disk: verbs work or say why not, nothing is lost, and all works when there is room" {
    small_disk 24m
    b run -d --name live -v named:/data busybox sleep 1000 >/dev/null
    b run -d --name second busybox sleep 1000 >/dev/null
    b exec live sh -c 'echo volume >/data/f; echo layer >/root/f'
    b run -d --name third --restart always busybox sleep 1000 >/dev/null
    fill
    b stop -t 0 third
    [ "$(field third '{{.State.Status}}')" = exited ]
    b rm third
    fill
    for verb in "create --name fourth busybox true" "run --rm busybox true" "import $(busybox_tar)" "volume create vol" "tag busybox other" \
        "stop -t 0 second" "rm -f second" "start second" "kill second" "pause live" "volume rm named"; do
        # shellcheck disable=SC2086
        run timeout -s KILL 60 "$BERTH" $verb
        [ "$status" -ne 137 ]
        [ "$status" -eq 0 ] || [[ $output == *": "* ]]
        kept
    done
    kept
    [ "$(b exec live cat /root/f)" = layer ] || b unpause live
    free
    for c in second fourth; do b rm -f "$c" 2>/dev/null || :; done
    eventually 70 clean
    b rm -f live
    [ "$(b run --rm -v named:/data busybox cat /data/f)" = volume ]
    clean --deep
}

@test "a disk that is full when the daemon starts: it starts or says why not, and does when there is room" {
    small_disk 24m
    b run -d --name live -v named:/data busybox sleep 1000 >/dev/null
    b exec live sh -c 'echo volume >/data/f'
    pid=$(init_pid live)
    daemon_kill
    fill
    if ! daemon_start 2>/dev/null; then
        run inworld "$BERTHD" --config "$T/daemon.conf"
        says_why
    else
        daemon_kill
    fi
    kept
    kill -0 "$pid"
    free
    daemon_start
    [ "$(init_pid live)" = "$pid" ]
    kept
    clean
}

@test "run_root on a full file system of 1 MB: stop and rm work" {
    daemon_stop
    mkdir -p "$T/run"
    inworld mount -t tmpfs -o size=1m tmpfs "$T/run"
    daemon_start
    b run -d --name box -p 18081:80 busybox sleep 1000 >/dev/null
    inworld sh -c 'dd if=/dev/zero of="$0/run/fill" bs=1k 2>/dev/null || :' "$T"
    run timeout -s KILL 60 "$BERTH" run --rm busybox true
    [ "$status" -eq 0 ] || says_why
    # A start may do without the files that cannot be written; then the next daemon does, too.
    if b run -d --name full --network none busybox sleep 1000 2>"$T/words"; then
        pid=$(init_pid full)
        daemon_kill
        daemon_start
        [ "$(field full '{{.State.Status}}')" = running ]
        [ "$(init_pid full)" = "$pid" ]
        b stop -t 0 full
        [ "$(field full '{{.State.ExitCode}}')" = 137 ]
        b rm full
    else
        [ -s "$T/words" ]
    fi
    b stop -t 0 box
    [ "$(field box '{{.State.Status}}')" = exited ]
    b rm box
    inworld rm "$T/run/fill"
    clean
    [ "$(b run --rm -p 18081:80 busybox echo works)" = works ]
}
