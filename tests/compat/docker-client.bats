#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The real docker client, pointed at the socket: Debian's, and the newer one where it is on PATH.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
    DOCKERS=$(docker_client)
    if type -P docker >/dev/null; then DOCKERS="$DOCKERS $(type -P docker)"; fi
    export DOCKERS
    # DRIVE SECONDS CMD...: runs a command on a pty, stdin from ours, so that -t works.
    cat >"$T/drive" <<'P'
#!/usr/bin/python3
import os, pty, select, signal, sys, time, fcntl, struct, termios
limit, argv, typed = float(sys.argv[1]), sys.argv[2:], sys.stdin.buffer.read()
pid, fd = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
os.kill(pid, signal.SIGWINCH)
end, out, sent = time.time() + limit, b"", 0
lines = typed.splitlines(keepends=True)
while time.time() < end:
    r, _, _ = select.select([fd], [], [], 0.3)
    if r:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        out += data
    elif lines:
        os.write(fd, lines.pop(0))
else:
    os.kill(pid, signal.SIGKILL)
sys.stdout.buffer.write(out.replace(b"\r\n", b"\n"))
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status) & 255)
P
    chmod +x "$T/drive"
}
teardown_file() { world_down; }
teardown() { for d in $DOCKERS; do "$d" rm -f $("$d" ps -aq) >/dev/null 2>&1 || :; done; }

each() { # runs the function named $1 once per client, which it finds in $D
    for D in $DOCKERS; do
        "$1" || { echo "with $D"; return 1; }
    done
}

@test "docker version and info" {
    one() {
        "$D" version --format '{{.Server.Version}} {{.Server.APIVersion}}' | grep -q '1.51\|1.41' &&
            "$D" info --format '{{.Driver}} {{.CgroupDriver}} {{.LoggingDriver}} {{.LiveRestoreEnabled}}' >"$T/info" &&
            grep -q 'cgroupfs' "$T/info" && grep -q true "$T/info"
    }
    each one
}

@test "docker run --rm: output and exit code" {
    one() {
        run "$D" run --rm busybox sh -c 'echo hi; exit 3'
        [ "$status" -eq 3 ] && [ "$output" = hi ]
    }
    each one
}

@test "docker run: 125, 126, 127" {
    one() {
        run "$D" run --rm nosuchimage true
        [ "$status" -eq 125 ] || { echo "$output"; return 1; }
        run "$D" run --rm busybox /etc/passwd
        [ "$status" -eq 126 ] || { echo "$output"; return 1; }
        run "$D" run --rm busybox nosuchprogram
        [ "$status" -eq 127 ] || { echo "$output"; return 1; }
    }
    each one
}

@test "docker run -it on a pty: a terminal of the client's size" {
    one() {
        run sh -c 'printf "stty size\ntty\nexit 4\n" | "$0" 20 "$1" run --rm -it busybox sh' "$T/drive" "$D"
        [ "$status" -eq 4 ] && [[ $output == *"33 101"* && $output == */dev/pts/0* ]] || { echo "$status $output"; return 1; }
    }
    each one
}

@test "docker run -i with piped stdin" {
    one() {
        run sh -c 'printf "a\nb\n" | "$0" run --rm -i busybox sh -c "cat; echo end"' "$D"
        [ "$output" = $'a\nb\nend' ]
    }
    each one
}

@test "docker run with -p, -v, --tmpfs, -m, -u, -e, -w, --network" {
    one() {
        mkdir -p "$T/vol" && echo v >"$T/vol/f"
        "$D" run -d --name web -p 127.0.0.1:18080:80 busybox httpd -f -h /var/www >/dev/null || return 1
        [[ $(innet curl -s --max-time 2 http://127.0.0.1:18080/) == *"hello from berth"* ]] || return 1
        "$D" port web >/dev/null 2>&1 || :
        run "$D" run --rm --network none -v "$T/vol:/v:ro" --tmpfs /t -m 64m -u app -e X=y -w /t busybox sh -c 'cat /v/f; id -un; echo $X; pwd'
        [ "$output" = $'v\napp\ny\n/t' ] || { echo "$output"; return 1; }
        run "$D" run --rm --network host busybox ls /sys/class/net
        [ "$status" -eq 0 ] && "$D" rm -f web >/dev/null
    }
    each one
}

@test "docker ps -a --format, inspect, logs -f, exec, stop, rm -f" {
    one() {
        id=$("$D" run -d --name box busybox sh -c 'trap "exit 0" TERM; echo started; while :; do sleep 0.1; done') || return 1
        [ "$("$D" ps -a --format '{{.Names}} {{.Image}} {{.State}}')" = "box busybox running" ] || return 1
        [ "$("$D" inspect --format '{{.Id}}' box)" = "$id" ] || return 1
        [[ $("$D" inspect --format '{{.LogPath}}' box) == *"$id-json.log" ]] || return 1
        run timeout -s KILL 2 "$D" logs -f box
        [[ $output == started* ]] || return 1
        [ "$("$D" exec -e A=b box sh -c 'echo $A')" = b ] || return 1
        run "$D" exec box sh -c 'exit 9'
        [ "$status" -eq 9 ] || return 1
        "$D" stop box >/dev/null && "$D" rm -f box >/dev/null
    }
    each one
}

@test "docker exec -it and docker attach" {
    one() {
        "$D" run -dit --name term busybox sh >/dev/null || return 1
        run sh -c 'printf "tty\nexit 6\n" | "$0" 20 "$1" exec -it term sh' "$T/drive" "$D"
        [ "$status" -eq 6 ] && [[ $output == */dev/pts/1* ]] || { echo "$status $output"; return 1; }
        run sh -c 'printf "echo attached-\$((40+2))\nexit 8\n" | "$0" 20 "$1" attach term' "$T/drive" "$D"
        [ "$status" -eq 8 ] && [[ $output == *attached-42* ]] || { echo "$status $output"; return 1; }
        "$D" rm -f term >/dev/null
    }
    each one
}

@test "docker import, images, tag, rmi, image inspect" {
    one() {
        "$D" import --change 'CMD ["echo","imported"]' "$(busybox_tar)" mine:1 >/dev/null || return 1
        [ "$("$D" run --rm mine:1)" = imported ] || return 1
        "$D" tag mine:1 other/name:2 || return 1
        [ "$("$D" images -q mine:1)" = "$("$D" images -q other/name:2)" ] || return 1
        [ "$("$D" image inspect --format '{{.Os}}' mine:1)" = linux ] || return 1
        "$D" rmi mine:1 other/name:2 >/dev/null && ! "$D" image inspect mine:1 >/dev/null 2>&1
    }
    each one
}

@test "docker volume and network lists" {
    one() {
        "$D" volume create v1 >/dev/null && [ "$("$D" volume ls -q)" = v1 ] &&
            "$D" volume inspect --format '{{.Mountpoint}}' v1 | grep -q /volumes/v1/_data && "$D" volume rm v1 >/dev/null &&
            [ "$("$D" network ls --format '{{.Name}}' | sort | tr '\n' ' ')" = "bridge host none " ] &&
            "$D" network inspect --format '{{(index .IPAM.Config 0).Subnet}}' bridge | grep -q 172.29.0.0/16
    }
    each one
}

@test "docker events sees a container's life" {
    one() {
        "$D" events --filter type=container --format '{{.Action}}' >"$T/events" 3>&- &
        p=$!
        sleep 0.5
        "$D" run --rm busybox true || return 1
        eventually 5 grep -q destroy "$T/events"
        kill -KILL $p
        [ "$(grep -E '^(create|start|die|destroy)$' "$T/events" | tr '\n' ' ')" = "create start die destroy " ] || { cat "$T/events"; return 1; }
    }
    each one
}

@test "pulling is refused in words" {
    one() {
        run "$D" pull busybox:none
        [ "$status" -ne 0 ] && [[ $output == *pull* ]]
    }
    each one
}
