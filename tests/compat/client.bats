#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Our client beside docker's, on the same daemon: templates, lists, configuration file, help; and what it has of its own.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
    DOCKER=$(type -P docker || docker_client)
    export DOCKER PTY="$BATS_TEST_DIRNAME/../lib/on-terminal.py" TERM=xterm
    b create --name web -e A=1 -l a.b=c -l z=y -p 127.0.0.1:8080:80 -v data:/srv --health-cmd true \
        --memory 64m busybox -f 'a b' >/dev/null 2>&1 ||
        b create --name web -e A=1 -l a.b=c -l z=y -p 127.0.0.1:8080:80 -v data:/srv --memory 64m busybox -f 'a b'
    b run -d --name up busybox sleep 1000
}
teardown_file() { world_down; }

same() { # WORDS...: both clients print the same and end with the same code
    local theirs ours code=0 own=0
    theirs=$("$DOCKER" "$@" 2>"$T/their-err") || code=$?
    ours=$(b "$@" 2>"$T/our-err") || own=$?
    [ "$theirs" = "$ours" ] && [ $code -eq $own ] && return
    diff <(echo "$theirs") <(echo "$ours") || :
    echo "of $*: $code and $own"
    cat "$T/their-err" "$T/our-err"
    return 1
}

@test "more than 150 templates print what docker's client prints, errors included" {
    run python3 "$BATS_TEST_DIRNAME/../lib/formats.py" "$BERTH" "$DOCKER" "$BATS_TEST_DIRNAME/formats.recorded" web
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "lists: tables, templates, raw, quiet" {
    # What two clients print of "2 seconds ago" may differ by the second: that is not asked for.
    same ps -a --format 'table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.Ports}}\t{{.Names}}\t{{.Labels}}\t{{.Mounts}}'
    same ps -a --format 'table {{.Names | upper}}\t{{.Label "a.b"}}\t{{lower .State}}'
    same ps -a --no-trunc --format '{{.ID}} {{.Networks}} {{.LocalVolumes}} {{.CreatedAt}}'
    same ps -aq
    same ps -aq --no-trunc
    same images --format 'table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedAt}}'
    same images -q
    same images --format '{{.Repository}}:{{.Tag}} {{.Digest}}'
    same volume ls
    same volume ls -q
    same volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Mountpoint}}'
    same volume ls --format raw
    same network ls
    same network ls --format raw
    same network ls --format 'table {{.Name}}\t{{.Driver}}\t{{.ID}}'
    same history --format '{{.ID}}|{{.Comment}}' busybox
}

@test "a field that is not there: docker's words, its exit code" {
    for list in ps images 'volume ls' 'network ls'; do
        # shellcheck disable=SC2086
        run b $list --format '{{.Nope}}'
        [ "$status" -eq 1 ] && [[ $output == *"can't evaluate field Nope in type *"*"Context"* ]] || { echo "$list: $status $output"; return 1; }
    done
    run b ps --format '{{.Names'
    [ "$status" -eq 1 ] && [[ $output == *"template: :1:0: unclosed action" ]]
    for words in 'version --format {{.Nope' 'info --format {{.Nope' 'inspect --format {{.Nope web' 'events --format {{.Nope'; do
        # shellcheck disable=SC2086
        run b $words
        [ "$status" -eq 64 ] && [[ $output == *"template parsing error: template: "*"unclosed action"* ]] || { echo "$words: $status $output"; return 1; }
    done
}

@test "version, info and events have docker's types" {
    same version --format '{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}} {{.Server.MinAPIVersion}} {{len .Server.Components}} {{.Client.Os}}'
    same info --format '{{.Driver}} {{.CgroupDriver}} {{.NCPU}} {{.MemTotal}} {{.ID}} {{.Swarm.LocalNodeState}} {{.Plugins.Log}} {{.DriverStatus}}'
    same info --format '{{range $k, $v := .Runtimes}}{{$k}} {{end}}{{.SecurityOptions}} {{json .Plugins.Volume}}'
    same events --since 1h --until 0s --filter container=up --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{.Scope}} {{.ID}}'
    run b version --format '{{.Nope}}'
    [ "$status" -eq 1 ] && [[ $output == *"can't evaluate field Nope in type system.versionInfo" ]]
    same image inspect --format '{{.Os}} {{.RootFS.Type}} {{len .RootFS.Layers}} {{.Config.Cmd}} {{.Size}} {{.Id}}' busybox
    same network inspect --format '{{.Name}} {{.Driver}} {{range .IPAM.Config}}{{.Subnet}}{{end}} {{.Internal}} {{.Options}}' bridge
    same volume inspect --format '{{.Name}} {{.Driver}} {{.Labels}} {{.Options}} {{.CreatedAt}}' data
}

@test "config.json: formats, a list's own flag is stronger, a broken file is warned of" {
    mkdir -p "$T/cfg"
    export DOCKER_CONFIG=$T/cfg
    echo '{"psFormat":"{{.Names}}!","imagesFormat":"{{.Tag}}?","volumesFormat":"{{.Name}}%","networksFormat":"{{.Name}}&","other":[1]}' >"$T/cfg/config.json"
    same ps
    same images
    same volume ls
    same network ls
    same ps -q
    same ps --format '{{.ID}}'
    [ "$(b --config "$T/nowhere" ps --format table | head -1 | cut -c1-12)" = 'CONTAINER ID' ]
    for broken in '{bad' '[]' '{"psFormat":5}'; do
        echo "$broken" >"$T/cfg/config.json"
        run b ps -q
        [ "$status" -eq 0 ] && [[ $output == "WARNING: Error parsing config file ($T/cfg/config.json): "* ]] || { echo "$broken: $output"; return 1; }
    done
    : >"$T/cfg/config.json"
    [ "$(b ps -q 2>&1)" = "$(b ps -q 2>/dev/null)" ]
}

@test "detachKeys of config.json leave a session" {
    mkdir -p "$T/cfg2"
    echo '{"detachKeys":"ctrl-x,x"}' >"$T/cfg2/config.json"
    b run -dit --name keys busybox sh -c 'while read l; do echo "got $l"; done'
    DOCKER_CONFIG=$T/cfg2 run python3 "$PTY" 20 24x80 $'send hello\\n\nexpect got hello\nsend \\x18x' "$BERTH" attach keys
    [ "$status" -eq 0 ] || { echo "$status $output"; return 1; }
    [ "$(field keys '{{.State.Running}}')" = true ]
    b rm -f keys
}

@test "every flag of docker's commands that we have is one of ours" {
    # Hidden or owned by others: checkpoints, cluster volumes, Windows, images of several platforms, an experiment of docker's.
    later=' --checkpoint --checkpoint-dir --availability --group --limit-bytes --required-bytes --scope --secret --sharing --topology-preferred
        --topology-required --type --cluster --cpu-count --cpu-percent --io-maxbandwidth --io-maxiops --platform --tree --use-api-socket --kernel-memory
        --disable-content-trust --help '
    missing=
    for cmd in run create start stop restart kill rm pause unpause ps logs exec attach wait inspect images rmi tag history import events \
        info version top port rename update stats 'container prune' 'volume create' 'volume ls' 'volume rm' 'volume inspect' 'network ls' 'network inspect'; do
        # shellcheck disable=SC2086
        theirs=$("$DOCKER" $cmd --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' || :)
        # shellcheck disable=SC2086
        ours=$(b $cmd --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+' || :)
        for flag in $theirs; do
            grep -qx -- "$flag" <<<"$ours" || [[ $later == *[[:space:]]"$flag"[[:space:]]* ]] || missing="$missing [$cmd $flag]"
        done
    done
    [ -z "$missing" ] || { echo "missing:$missing"; return 1; }
}

@test "help and suggestions" {
    run b container --help
    [ "$status" -eq 0 ] && [[ $output == *"Usage:  berth container COMMAND"* && $output == *"Manage containers"* ]]
    run b help volume ls
    [ "$status" -eq 0 ] && [[ $output == "Usage:  berth volume ls [OPTIONS]"* ]]
    run b rnu
    [ "$status" -eq 1 ] && [[ $output == *"unknown command: berth rnu (did you mean 'berth run'?)"* ]]
    run b volume crate
    [ "$status" -eq 1 ] && [[ $output == *"(did you mean 'berth volume create'?)"* ]]
    run b ps --al
    [ "$status" -eq 125 ] && [[ $output == *"unknown flag: --al (did you mean --all?)"* ]]
    run b rm
    [ "$status" -eq 1 ] && [[ $output == *"'berth rm' requires at least 1 argument"* ]]
}

@test "completion asks the daemon; bash takes it" {
    run b __complete -- stop ''
    [[ $output == *up* && $output != *web* ]] || { echo "$output"; return 1; }
    [[ $(b __complete -- inspect w) == *web* && $(b __complete -- start '') == *web* ]]
    [[ $(b __complete -- rmi '') == *busybox:latest* && $(b __complete -- volume rm '') == *data* ]]
    [[ $(b __complete -- run --network '') == *bridge* ]]
    # A daemon that is not there completes no names, and holds nobody up.
    [ "$(b -H "unix://$T/none" __complete -- -H "unix://$T/none" stop '')" = : ]
    for shell in bash zsh fish; do b completion $shell >"$T/completion.$shell"; done
    bash -n "$T/completion.bash"
    PATH=$(dirname "$BERTH"):$PATH bash -c '
        source "$1"
        ask() { COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=($2) COMP_CWORD=$3 COMPREPLY=(); _berth 2>/dev/null; echo "${COMPREPLY[*]}"; }
        [ "$(ask "berth unpa" "berth unpa" 1)" = unpause ] || exit 1
        [ "$(ask "berth rmi busybox:l" "berth rmi busybox : l" 4)" = latest ] || exit 2
        [ "$(ask "berth run --pull=mi" "berth run --pull = mi" 4)" = missing ] || exit 3
    ' _ "$T/completion.bash"
}

@test "manual pages, where scdoc was there" {
    man=$BERTH_PREFIX/share/man/man1
    [ -e "$man/berth.1" ] || skip "no scdoc: no manual pages"
    for page in berth berth-run berth-ps berth-volume-ls berth-completion; do
        grep -q '^\.TH' "$man/$page.1" || { echo "$page"; return 1; }
    done
    grep -q 'env\\-file\|env-file' "$man/berth-run.1"
}

@test "logs of several: a line behind each name, colours on a terminal only" {
    b run --name one busybox sh -c 'echo a; echo b >&2'
    b run --name three busybox sh -c 'printf c'
    [ "$(b logs one three 2>/dev/null | sort)" = $'one   | a\nthree | c' ]
    [ "$(b logs one three 2>&1 >/dev/null)" = 'one   | b' ]
    run b logs one nosuch
    [ "$status" -eq 1 ] && [[ $output == *"one    | a"* && $output == *"No such container: nosuch"* ]] || { echo "$output"; return 1; }
    run python3 "$PTY" 20 24x80 '' "$BERTH" logs one three
    [ "$status" -eq 0 ] && [[ $output == *$'\033[36mone   |\033[0m a'* && $output == *$'\033[33mthree |'* ]] || { echo "$output"; return 1; }
    NO_COLOR=1 run python3 "$PTY" 20 24x80 '' "$BERTH" logs one three
    [[ $output != *$'\033'* && $output == *'one   | a'* ]]
    b rm one three
}

@test "wait --for: a state, a line of the log, a time limit" {
    b run -d --name later busybox sh -c 'sleep 0.3; echo ready to accept; sleep 1000'
    [ "$(b wait --for 'log:ready to ac+ept' --timeout 20s later)" = later ]
    [ "$(b wait --for running later)" = later ]
    run b wait --for exited --timeout 200ms later
    [ "$status" -eq 124 ] && [[ $output == *"exited did not come in time"* ]] || { echo "$status $output"; return 1; }
    run b wait --for 'log:never' --timeout 200ms later
    [ "$status" -eq 124 ] || { echo "$status $output"; return 1; }
    run b wait --for healthy later
    [ "$status" -eq 1 ] && [[ $output == *"container later has no health check"* ]]
    run b wait --for nonsense later
    [ "$status" -eq 125 ] && [[ $output == *"healthy, running, exited or log:PATTERN"* ]]
    run b wait --for 'log:(' later
    [ "$status" -eq 125 ] && [[ $output == *"is not a regular expression"* ]]
    b create --name soon busybox sh -c 'sleep 0.2; exit 7'
    (sleep 0.3; b start soon >/dev/null) &
    [ "$(b wait --for running --timeout 20s soon)" = soon ]
    [ "$(b wait --for exited --timeout 20s soon)" = 7 ]
    wait
    b run -d --name silent busybox true
    run b wait --for 'log:x' silent
    [ "$status" -eq 1 ] && [[ $output == *"ended without a line that fits x"* ]]
    b rm -f later soon silent
}

@test "ps --watch draws again when something happens, and only then" {
    run python3 "$PTY" 30 24x100 "expect NAMES
expect up
run $BERTH run -d --name fresh busybox sleep 1000
expect fresh
run $BERTH rm -f fresh
expect NAMES
size 24x60
expect NAMES
signal INT" "$BERTH" ps --watch
    [ "$status" -eq 0 ] || { echo "$status $output"; return 1; }
    [[ $output == *$'\033[?1049h'* && $output == *$'\033[?1049l'* ]]
    # Not on a terminal: no sequences; nothing happens, so it is listed once.
    timeout 1 "$BERTH" ps --watch >"$T/watch" || :
    [ "$(grep -c NAMES "$T/watch")" -eq 1 ] && refute grep -q $'\033' "$T/watch"
}

@test "tables are aligned by what a terminal shows" {
    b create --name wide -l k=世界 busybox true
    b create --name plain -l k=ab busybox true
    b ps -a --filter label=k --format 'table {{.Label "k"}}\t{{.Names}}' >"$T/table"
    grep -q '^世界      wide$' "$T/table" && grep -q '^ab        plain$' "$T/table" || { cat "$T/table"; return 1; }
    LC_ALL=C b ps -a --filter label=k --format 'table {{.Label "k"}}\t{{.Names}}' | cmp - "$T/table"
    b rm wide plain
}

@test "top without a container: a live view with sorting, a question before a kill, a new size" {
    [ -x "$BERTH_PREFIX/libexec/berth/berth-top" ] || skip "no ncursesw: no view of all containers"
    b run -d --name victim busybox sleep 1000
    # Only what differs is drawn: a new size has all of it drawn again.
    run python3 "$PTY" 30 24x100 "expect CPU %v
expect victim
send m
size 24x99
expect MEMv
send a
size 24x98
expect NAMEv
size 12x50
expect containers
size 24x100
expect victim
send k
expect kill
send n
expect q quit
send \\x1bOB
send k
expect kill
send y
run $BERTH wait --timeout 20s victim
send q" "$BERTH" top
    [ "$status" -eq 0 ] || { echo "$status"; echo "$output" | cat -v | tail -5; return 1; }
    [ "$(field victim '{{.State.ExitCode}}')" = 137 ] && [ "$(field up '{{.State.Running}}')" = true ]
    run b top
    [ "$status" -eq 1 ] && [[ $output == *"needs a terminal"* ]]
    b rm -f victim
}
