# SPDX-License-Identifier: Apache-2.0
#
# Failpoints as a table: each verb is a pair of functions, and every failpoint that it passes is tried with it. Which those are is found out
# by a run that traces them, so that a new failpoint has its cases as soon as a verb passes it.
#
#   VERB_prepare    what has to be there before (nothing fails)
#   VERB_act        the verb: 0, or not 0 with words; also waits for what goes on behind it
#   VERB_after      looks at the end: the verb's effect, whole (argument "done") or not there (argument "undone")
#
# load berth first.

FAULTS=${FAULTS:-ENOSPC ENOMEM EMFILE EIO EPERM}

has_failpoints() { grep -q BERTH_FAILPOINTS "$BERTHD" || skip "built without -Dfailpoints=true"; }

# The daemon reads what to do from a file, each time it passes a failpoint.
faults_up() {
    has_failpoints
    world_up
    export BERTH_FAILPOINTS=@$T/failpoints
    : >"$T/failpoints"
    : >"$T/passed"
    echo 0 >"$T/serial"
}

arm() { # arm NAME=ACTION [N]
    local n=$(($(cat "$T/serial") + 1))
    echo $n >"$T/serial"
    echo "$1@${2:-0}@$n" >"$T/failpoints.tmp"
    mv "$T/failpoints.tmp" "$T/failpoints"
}
disarm() { : >"$T/failpoints"; }

# Every failpoint that is built in, a name a line.
failpoint_names() {
    find "$BERTH_PREFIX" -type f \( -name berthd -o -name 'berth-*' -o -name '*.so' \) -exec grep -aohE 'failpoint:[a-z.-]+' {} + |
        sed 's/^failpoint://' | sort -u
}

daemon_lives() { ! ended "$(cat "$T/berthd.pid")"; }
daemon_is_dead() { ! daemon_lives; }
exited_or_dead() { ! daemon_lives || [ "$(field box '{{.State.Status}}' 2>/dev/null)" != running ]; }
gone_or_dead() { ! daemon_lives || [ -z "$(b ps -aq 2>/dev/null)" ]; }

# What is there apart from the daemon's own descriptors; links and namespaces may take a moment to go.
census() {
    kernel_census | grep -v '^fds '
    echo "blobs $(find "$T/data/blobs" -type f | wc -l)"
    echo "tmp $(find "$T/data/tmp" -mindepth 1 | wc -l)"
}
same_as() { [ "$(census)" = "$1" ]; }
unchanged() { eventually 15 same_as "$before" || diff <(echo "$before") <(census); }

clean() {
    run b system check --deep
    [ "$status" -eq 0 ] || {
        echo "$output"
        return 1
    }
}

# Back to a daemon that has an image and nothing else.
sweep() {
    local x
    for x in $(b ps -aq); do b rm -fv "$x" >/dev/null; done
    for x in $(b volume ls -q); do b volume rm "$x" >/dev/null; done
    for x in $(b images --format '{{.Repository}}:{{.Tag}}'); do [ "$x" = busybox:latest ] || b rmi "$x" >/dev/null; done
    for x in $(b images -q | sort | uniq); do [ "$x" = "$(b images -q busybox:latest)" ] || b rmi -f "$x" >/dev/null; done
}

# For each test: a daemon that fails nowhere, an image and nothing else, whatever the test before left.
baseline() {
    disarm
    daemon_lives || daemon_start
    sweep
    b run --rm -p 80 -v /anon busybox true
    daemon_stop
    daemon_start
    before=$(census)
}

# The failpoints that a verb passes, in their order.
trace() {
    local from
    "$1_prepare"
    from=$(wc -l <"$T/berthd.log")
    arm '*=trace'
    "$1_act" >/dev/null
    disarm
    "$1_after" done
    tail -n +$((from + 1)) "$T/berthd.log" | sed -nE 's/.*failpoint ([a-z.-]+) ([0-9]+): trace(, (not) to fail)?$/\2 \1 \4/p' | sort -n | cut -d' ' -f2- >"$T/trace"
    [ -s "$T/trace" ]
    sweep
    unchanged
}

# chosen KIND VERB all|first: numbers and names of those to try; "first": those that were not yet tried in this kind.
chosen() {
    local n=0 name not
    while read -r name not; do
        n=$((n + 1))
        if [ "$1$not" = failnot ]; then continue; fi
        if [ "$3" = first ] && grep -qx "$1 $name" "$T/passed"; then continue; fi
        echo "$1 $name" >>"$T/passed"
        echo "$n $name"
    done <"$T/trace"
}

crash_once() { # crash_once VERB N
    "$1_prepare"
    arm '*=crash' "$2"
    "$1_act" >"$T/out" 2>&1 || :
    # What goes on behind a verb does not pass the same number of them each time.
    eventually 3 daemon_is_dead || echo "# it did not come so far"
    disarm
    daemon_lives || daemon_start
    clean
    "$1_after" crashed
    sweep
    clean
    unchanged
}

# Dies at each failpoint that the verb passes; a new daemon has to make it as if nothing, or all of it, had happened.
crash_everywhere() { # crash_everywhere VERB [first]
    local c cases
    trace "$1"
    mapfile -t cases < <(chosen crash "$1" "${2:-all}")
    for c in "${cases[@]}"; do
        echo "# $1: crash at $c"
        crash_once "$1" "${c% *}"
    done
}

# What a verb that has failed may leave, by the check: of a removal that came too far to be undone, the rest. An image's layers go with
# the next start.
leaves_only() {
    local kinds may=
    kinds=$(b system check --format '{{range .Findings}}{{.Kind}} {{end}}') || :
    case $1 in
    rmi | image_prune) may=layer-unfinished ;;
    rm*) may=removal-unfinished ;;
    esac
    [ -z "${kinds//[$IFS]/}" ] || [ "${kinds//[$IFS]/}" = "$may" ] || {
        b system check
        return 1
    }
}

fail_once() { # fail_once VERB N ERRNO
    local r=0
    "$1_prepare"
    arm "*=$3" "$2"
    "$1_act" >"$T/out" 2>&1 || r=$?
    disarm
    daemon_lives
    leaves_only "$1"
    if [ $r -ne 0 ]; then
        [ -s "$T/out" ] # in words
        "$1_after" undone
        "$1_act" >/dev/null
    fi
    "$1_after" done
    sweep
    if [ "$1" = rmi ] || [ "$1" = image_prune ]; then
        daemon_stop
        daemon_start
    fi
    clean
    unchanged
}

# Each failpoint answers with an errno: the verb fails in words with nothing done, and works the next time; or it does without that step.
fail_everywhere() { # fail_everywhere VERB ERRNO... ; "first": one errno for each failpoint, the next one each time
    local c e k=0 list cases
    read -ra list <<<"$FAULTS"
    trace "$1"
    mapfile -t cases < <(chosen fail "$1" "${2:-all}")
    for c in "${cases[@]}"; do
        for e in "${list[@]}"; do
            [ "${2:-all}" != first ] || e=${list[k++ % ${#list[@]}]}
            echo "# $1: $e at $c"
            fail_once "$1" "${c% *}" "$e"
            [ "${2:-all}" != first ] || break
        done
    done
}
