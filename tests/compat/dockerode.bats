#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dockerode, the client of node.js (dockerode.js). It is fetched once, by npm.
load ../lib/berth
load recorded

setup_file() {
    command -v node >/dev/null && command -v npm >/dev/null || skip "node and npm are not there"
    DOCKERODE=$BERTH_WORK/dockerode/node_modules/dockerode
    if [ ! -e "$DOCKERODE/package.json" ]; then
        mkdir -p "$BERTH_WORK/dockerode"
        (cd "$BERTH_WORK/dockerode" && echo '{"name":"t","version":"1.0.0"}' >package.json &&
            timeout 120 npm install --no-audit --no-fund --no-save --ignore-scripts dockerode) >"$BERTH_WORK/npm.log" 2>&1 ||
            skip "dockerode cannot be fetched: $(tail -n 1 "$BERTH_WORK/npm.log")"
    fi
    export DOCKERODE
    recorded_up dockerode
    daemon_start
    import_busybox
}
teardown_file() { [ -z "${T:-}" ] || recorded_down; }

@test "dockerode's main calls" {
    run timeout 100 node "$BATS_TEST_DIRNAME/dockerode.js"
    echo "$output"
    [ "$status" -eq 0 ] && [[ $output == *"all well"* ]]
}
