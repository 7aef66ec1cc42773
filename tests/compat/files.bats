#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Files of containers through docker's client: Debian's, and the newer one where it is on PATH.
load ../lib/berth
load recorded

setup_file() {
    recorded_up files
    daemon_start
    import_busybox
    DOCKERS=$(docker_client)
    if type -P docker >/dev/null; then DOCKERS="$DOCKERS $(type -P docker)"; fi
    export DOCKERS
    b run --name ended busybox sh -c 'mkdir /d; echo one >/d/a; ln -s a /d/l; rm /var/www/index.html'
    b run -d --name runs -v vol:/data busybox sh -c 'mkdir /d; echo one >/d/a; ln -s a /d/l; ln -s /d /dlink; touch /ready; sleep 1000' >/dev/null
    eventually 10 b exec runs test -e /ready
}
teardown_file() { recorded_down; }

each() { # runs the function named $1 once per client ($D) and container ($C)
    for D in $DOCKERS; do
        for C in runs ended; do
            rm -rf "$T/w"
            mkdir "$T/w"
            echo "with $D, container $C"
            "$1" # not in a condition: each of its commands counts
        done
    done
}

@test "docker cp out: file, directory, /., link, stdout" {
    one() {
        "$D" cp "$C:/d" "$T/w" 2>/dev/null
        [ "$(cat "$T/w/d/a")" = one ]
        [ "$(readlink "$T/w/d/l")" = a ]
        "$D" cp "$C:/d" "$T/w/new" 2>/dev/null
        [ "$(ls "$T/w/new" | tr '\n' ' ')" = "a l " ]
        mkdir "$T/w/into"
        "$D" cp "$C:/d/." "$T/w/into" 2>/dev/null
        [ "$(ls "$T/w/into" | tr '\n' ' ')" = "a l " ]
        "$D" cp "$C:/d/a" "$T/w/renamed" 2>/dev/null
        [ "$(cat "$T/w/renamed")" = one ]
        "$D" cp "$C:/d/l" "$T/w/link" 2>/dev/null
        [ -L "$T/w/link" ]
        "$D" cp -L "$C:/d/l" "$T/w/followed" 2>/dev/null
        [ "$(cat "$T/w/followed")" = one ]
        [ "$("$D" cp "$C:/d/a" - | tar xOf -)" = one ]
        refute "$D" cp "$C:/none" "$T/w" 2>"$T/words"
        grep -q 'none' "$T/words"
    }
    each one
}

@test "docker cp in: file, directory, /., new names, stdin, and what cannot be" {
    one() {
        local at=/tmp/$(basename "$(mktemp -d "$T/w/XXXXXX")")
        "$D" cp "$T/w/${at#/tmp/}" "$C:$at" 2>/dev/null
        mkdir -p "$T/w/src/deep"
        echo x >"$T/w/src/deep/x"
        "$D" cp "$T/w/src" "$C:$at" 2>/dev/null
        "$D" cp "$T/w/src" "$C:$at/other" 2>/dev/null
        "$D" cp "$T/w/src/." "$C:$at" 2>/dev/null
        "$D" cp "$T/w/src/deep/x" "$C:$at/y" 2>/dev/null
        tar -C "$T/w/src/deep" -c x | "$D" cp - "$C:/home/app" 2>/dev/null
        [ "$("$D" cp "$C:$at/." - | tar tf - | LC_ALL=C sort | tr '\n' ' ')" = "./ ./deep/ ./deep/x ./other/ ./other/deep/ ./other/deep/x ./src/ ./src/deep/ ./src/deep/x ./y " ]
        [ "$("$D" cp "$C:/home/app/x" - | tar xOf -)" = x ]
        refute "$D" cp "$T/w/src" "$C:$at/y" 2>"$T/words"
        grep -q 'cannot copy directory' "$T/words"
        refute "$D" cp "$T/w/src/deep/x" "$C:/no/such/place" 2>"$T/words"
        grep -q 'no/such' "$T/words"
    }
    each one
    [ "$(b exec runs sh -c 'cat /tmp/*/y | sort -u')" = x ]
}

@test "docker cp through a link to a directory, and into a volume" {
    one() {
        echo "$D" >"$T/w/f"
        "$D" cp "$T/w/f" runs:/dlink 2>/dev/null
        [ "$(b exec runs cat /d/f)" = "$D" ]
        "$D" cp "$T/w/f" runs:/data/f 2>/dev/null
        [ "$(cat "$T/data/volumes/vol/_data/f")" = "$D" ]
        b exec runs rm /d/f
    }
    each one
}

@test "docker diff" {
    for D in $DOCKERS; do
        [ "$("$D" diff ended | grep -v ' /tmp\| /home' | tr '\n' ' ')" = "A /d A /d/a A /d/l C /var C /var/www D /var/www/index.html " ]
    done
}

@test "docker export" {
    for D in $DOCKERS; do
        [ "$("$D" export ended | tar xOf - d/a 2>&1)" = one ] # without warnings of tar
        "$D" export -o "$T/e.tar" runs
        tar tf "$T/e.tar" | grep -qx d/a
        "$D" export ended | "$D" import - again:1 >/dev/null
        [ "$("$D" run --rm again:1 cat /d/a)" = one ]
        "$D" rmi again:1 >/dev/null
    done
}

@test "docker commit" {
    for D in $DOCKERS; do
        for C in runs ended; do
            "$D" commit -a me -m words -c 'LABEL x=y' -c 'CMD ["cat", "/d/a"]' $C made:1 >/dev/null
            [ "$("$D" run --rm made:1)" = one ]
            [ "$("$D" inspect -f '{{.Author}} {{.Comment}} {{.Config.Labels.x}}' made:1)" = "me words y" ]
            [ "$("$D" history --format '{{.Comment}}' made:1 | head -n 1)" = words ]
            "$D" rmi made:1 >/dev/null
        done
        [ "$("$D" inspect -f '{{.State.Status}}' runs)" = running ]
    done
}
