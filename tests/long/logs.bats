#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Logs, in numbers that the system tests have no time for.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

# Ten thousand containers that write one byte: what came is counted, by logs, by attach and with --rm.
@test "printf x ten thousand times: never lost" {
    cat >"$T/one.sh" <<'S'
case $(($1 % 3)) in
0) got=$("$BERTH" run --network none busybox printf x) ;;
1) got=$("$BERTH" run --rm --network none busybox printf x) ;;
2)
    id=$("$BERTH" run -d --network none busybox printf x)
    "$BERTH" wait "$id" >/dev/null
    got=$("$BERTH" logs "$id")
    "$BERTH" rm "$id" >/dev/null
    ;;
esac
printf %s "$got"
S
    export BERTH
    seq 10000 | xargs -P 4 -I N sh "$T/one.sh" N >"$T/got"
    [ "$(wc -c <"$T/got")" -eq 10000 ]
    [ "$(tr -d x <"$T/got")" = "" ]
}

@test "yes for a minute stays under the bound" {
    id=$(b run -d --network none busybox yes)
    for _ in $(seq 60); do
        sleep 1
        [ "$(cat "$T/data/containers/$id"/*json.log* 2>/dev/null | wc -c)" -lt $((31 << 20)) ]
    done
    [ "$(field "$id" '{{.State.Running}}')" = true ]
    b kill "$id"
}

read_by_daemon() { awk '/^rchar/ { print $2 }' "/proc/$(cat "$T/berthd.pid")/io"; }

@test "a log of 1 GB: tail and since give exactly what is asked for, and read little" {
    id=$(b run -d --network none --log-opt max-size=-1 busybox true)
    b wait "$id"
    python3 - "$T/data/containers/$id/$id-json.log" <<'P'
import datetime, sys
t = datetime.datetime(2024, 1, 1)
s = datetime.timedelta(seconds=1)
with open(sys.argv[1], "w") as f:
    for i in range(8_000_000):
        f.write('{"log":"%080d\\n","stream":"stdout","time":"%sZ"}\n' % (i, t.isoformat()))
        t += s
P
    [ "$(stat -c %s "$T/data/containers/$id/$id-json.log")" -gt 1000000000 ]
    before=$(read_by_daemon)
    [ "$(b logs --tail 1 "$id")" = "$(printf %080d 7999999)" ]
    [ "$(b logs --tail 1000 "$id" | head -n 1)" = "$(printf %080d 7999000)" ]
    [ "$(b logs --since 2024-02-01T00:00:00Z --until 2024-02-01T00:00:01Z "$id" | head -n 1)" = "$(printf %080d 2678400)" ]
    [ -z "$(b logs --since 2025-01-01T00:00:00Z "$id")" ]
    [ $(($(read_by_daemon) - before)) -lt $((32 << 20)) ]
}
