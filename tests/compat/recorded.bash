# SPDX-License-Identifier: Apache-2.0
#
# For the compat suite: a recording proxy (recorder.py) between every client and berthd. What it saw is the evidence of api-coverage.
#
# Instead of world_up and world_down: recorded_up NAME, recorded_down.

recorded_up() {
    world_up
    BERTH_LISTEN=unix://$T/engine.sock
    export BERTH_LISTEN
    mkdir -p "$BERTH_WORK/recorded"
    rm -f "$BERTH_WORK/recorded/$1".*
    python3 "$BATS_TEST_DIRNAME/recorder.py" "$T/berth.sock" "$T/engine.sock" "$BERTH_WORK/recorded/$1.jsonl" </dev/null >"$T/recorder.log" 2>&1 3>&- 4>&- &
    echo $! >"$T/recorder.pid"
    local n=0
    until [ -S "$T/berth.sock" ] || [ $((n += 1)) -gt 100 ]; do sleep 0.02; done
}

recorded_down() {
    kill "$(cat "$T/recorder.pid")" || :
    [ ! -s "$T/recorder.log" ] || cat "$T/recorder.log" >&2
    world_down
}
