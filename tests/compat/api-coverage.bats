#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the other files of this suite recorded covers the API, and is as its schemas say (coverage.py). Runs after them.
load ../lib/berth

@test "the API is covered, and answers as its schemas say" {
    for f in docker-client files flags images provoke python tour verbs; do
        [ -s "$BERTH_WORK/recorded/$f.jsonl" ] || skip "$f was not recorded: only after the whole compat suite"
    done
    run python3 "$BATS_TEST_DIRNAME/coverage.py" "$BERTH_WORK"/recorded/*.jsonl
    echo "$output" | tee "$BERTH_WORK/api-coverage.txt"
    [ "$status" -eq 0 ]
}

@test "what is not as described, and what nobody asked for, is seen" {
    mkdir -p "$BERTH_WORK/recorded.bad"
    jq -nc '{method: "GET", path: "/version", query: "", version: "1.51", status: 200, type: "application/json",
        answer: "{\"Version\":7,\"NoSuchMember\":1}"}' >"$BERTH_WORK/recorded.bad/one.jsonl"
    run python3 "$BATS_TEST_DIRNAME/coverage.py" "$BERTH_WORK/recorded.bad/one.jsonl"
    rm -r "$BERTH_WORK/recorded.bad"
    [ "$status" -eq 1 ]
    for line in "GET /containers/json: success was not recorded" "1.51 GET /version 200 .Version: not string" \
        "1.51 GET /version 200 .NoSuchMember: unknown member"; do
        [[ $output == *"$line"* ]] || { echo "lacks: $line"; return 1; }
    done
}
