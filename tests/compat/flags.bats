#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each flag of docker run and docker exec has a row in flags.txt, and what the row says of it holds.
load ../lib/berth
load recorded

setup_file() {
    recorded_up flags
    daemon_start
    import_busybox
    W=$T/flags
    mkdir "$W"
    NEWEST=$(type -P docker || docker_client)
    export W NEWEST
}
teardown_file() { recorded_down; }

# What the rows use.
docker() { "$CLIENT" "$@"; }
made() { # what inspect says of $F of a container that is made of these arguments
    local id
    id=$(docker create "$@" busybox true) && docker inspect --format "$F" "$id"
    docker rm -f "$id" >/dev/null
}
seen() { # ARGS -- COMMAND
    local args=()
    while [ "$1" != -- ]; do args+=("$1") && shift; done
    shift
    docker run --rm "${args[@]}" busybox "$@"
}
group() { echo "cat /sys/fs/cgroup/$1 2>/dev/null || cat /sys/fs/cgroup/$2"; }
fetch() { eventually 5 innet curl -sf --max-time 2 "http://127.0.0.1:$1/" | sed 's/<[^>]*>//g'; }
in_running() {
    docker run -d --name box busybox sleep 1000 >/dev/null
    eval "$1"
    docker rm -f box >/dev/null
}

# Without a daemon, whose version would hide flags.
knows() { DOCKER_HOST=unix:///nowhere BERTH_HOST=unix:///nowhere "$1" "$2" --help 2>&1 | grep -qE -- "(^|[ ,])$3( |,|$)"; }

# The newest client that knows the flag: docker's, else ours.
client_for() {
    if knows "$NEWEST" $1; then echo "$NEWEST"; elif knows "$BERTH" $1; then echo "$BERTH"; else return 1; fi
}

row() { # FLAG EXPECTED REST...: says what is wrong with it
    local flag=$1 expected=$2 shell=$3 CLIENT out
    CLIENT=$(client_for "$flag") || { echo "$flag: no client knows it"; return 0; }
    export CLIENT
    out=$(cd "$W" && eval "$shell" 2>"$T/row.err" | tr '\n\t' '  ' | sed 's/  */ /g; s/ $//')
    [[ $out =~ ^($expected)$ ]] && return 0
    echo "$flag: $shell: expected $expected, got \"$out\" $(head -2 "$T/row.err")"
}

owned() { # FLAG SHELL: it has to fail, or nobody need own it
    local flag=$1 shell=$2 CLIENT
    [ -n "$shell" ] && CLIENT=$(client_for "$flag") || return 0
    export CLIENT
    out=$(cd "$W" && eval "$shell" 2>&1) && [ -n "$out" ] && [[ $out != *rror* && $out != *"not supported"* ]] || return 0
    echo "$flag: belongs to nobody any more: $out"
}

@test "every flag of docker run and docker exec has a row" {
    diff <(sort "$BATS_TEST_DIRNAME/flags-docker-28.2.txt") <(grep -v '^#' "$BATS_TEST_DIRNAME/flags.txt" | cut -f1 | sort)
}

@test "what the rows say holds" {
    while IFS=$'\t' read -r flag expected third fourth; do
        case $flag:$expected in
        '#'*) ;;
        *:owner:*) owned "$flag" "$fourth" ;;
        *) row "$flag" "$expected" "$third" ;;
        esac
    done <"$BATS_TEST_DIRNAME/flags.txt" 3<&- >"$T/wrong"
    cat "$T/wrong"
    [ ! -s "$T/wrong" ]
}

@test "a row that does not hold is seen" {
    [ -n "$(row "run --name" /other "docker create --name named busybox >/dev/null; docker inspect --format '{{.Name}}' named; docker rm named >/dev/null")" ]
}
