#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Soak: clients with all verbs at random, kill -9 of every process of ours, checked against a model (tests/lib/soak.py).
#
#   BERTH_PREFIX=/usr bash tests/soak.sh [--seconds 600] [--clients 8] [--seed N] [--own 2] [--shared 4]
#
# Ends with 0 when the model found no difference and the kernel holds at the end what it held at the beginning.
set -euo pipefail
. "$(dirname "$0")/lib/berth.bash"
trap 'world_down' EXIT
world_up
daemon_start
import_busybox
# What is made once (bridge, table, pools) is there before the first look.
seq 8 | xargs -P 4 -I{} "$BERTH" run --rm -p 80 busybox true
census() { kernel_census | grep -v '^fds '; }
same_as() { [ "$(census)" = "$1" ]; }
daemon_stop
daemon_start
before=$(census)
census_files | sort >"$T/files.before"
daemon_stop
code=0
python3 "$LIB/soak.py" --world "$T" --berthd "$BERTHD" "$@" || code=$?
eventually 30 same_as "$before" || {
    echo "What the kernel holds has changed:"
    diff <(echo "$before") <(census) || :
    census_files | sort | diff "$T/files.before" - || :
    code=1
}
daemon_stop || code=1
if [ $code -ne 0 ]; then
    cp "$T/berthd.log" "$BERTH_WORK/soak-berthd.log"
    echo "The daemons' log: $BERTH_WORK/soak-berthd.log"
fi
exit $code
