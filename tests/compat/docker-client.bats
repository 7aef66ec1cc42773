#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The real docker client, pointed at the socket: Debian's, and the newer one where it is on PATH.
load ../lib/berth
load recorded

setup_file() {
    recorded_up docker-client
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
teardown_file() { recorded_down; }
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
            grep -q 'cgroupfs' "$T/info" && grep -q true "$T/info" || return 1
        # What was asked of the server alone comes on stdout; warnings and errors of either would be on stderr.
        "$D" info 2>&1 >/dev/null | grep -i error && return 1
        ! "$D" version --format '{{json .Server}}' | grep -E '"(GoVersion|Version|ApiVersion|Os|Arch|KernelVersion)":""'
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
        # The container's program has started, which is not to say that it listens.
        eventually 5 innet curl -so "$T/page" --max-time 2 http://127.0.0.1:18080/ || { echo "no page"; return 1; }
        grep -q 'hello from berth' "$T/page" || return 1
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

@test "docker run -it: ctrl-c, the keys that detach, attach again; exec -it likewise" {
    cat >"$T/keys.py" <<'P'
import os, pty, select, subprocess, sys, time
D = sys.argv[1]

class Terminal:
    def __init__(self, *argv):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(argv[0], argv)

    def until(self, what, limit=15):
        out, end = b"", time.time() + limit
        while time.time() < end:
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            if not data:
                break
            out += data
            if what and what in out:
                return out
        assert what is None, (what, out)
        return out

    def type(self, keys):
        os.write(self.fd, keys)

    def end(self):
        self.until(None)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

def running(name):
    return subprocess.run([D, "inspect", "--format", "{{.State.Running}}", name], capture_output=True).stdout == b"true\n"

# The shell stays pid 1, for which the kernel drops signals without a handler; sleep gets it and ends, and so does the shell.
t = Terminal(D, "run", "-it", "--rm", "busybox", "sh", "-c", "echo ready; sleep 100; exit 9")
t.until(b"ready")
t.type(b"\x03")
assert t.end() == 130
t = Terminal(D, "run", "-it", "--name", "keys", "busybox", "sh")
t.until(b"# ")
t.type(b"x=4$((1+1))\n")
t.until(b"# ")
t.type(b"\x10")
time.sleep(0.1)
t.type(b"\x11")
assert t.end() == 0
assert running("keys")
t = Terminal(D, "exec", "-it", "keys", "sh", "-c", "echo ready; sleep 100; exit 9")
t.until(b"ready")
t.type(b"\x10\x11")
t.end()
assert running("keys")
t = Terminal(D, "attach", "--detach-keys", "ctrl-a,b", "keys")
time.sleep(0.3)
t.type(b"echo is $x\n")
t.until(b"is 42")
t.type(b"\x01b")
t.end()
assert running("keys")
t = Terminal(D, "attach", "keys")
time.sleep(0.3)
t.type(b"exit 5\n")
assert t.end() == 5
subprocess.run([D, "rm", "-f", "keys"], check=True)
P
    one() { timeout -s KILL 60 python3 "$T/keys.py" "$D"; }
    each one
}

@test "docker run -d --rm and wait, logs --tail, --since, --until, --timestamps" {
    one() {
        "$D" run -d --rm --name quick -i busybox sh -c 'cat; exit 6' >/dev/null || return 1
        [ "$("$D" wait quick & sleep 0.2; "$D" kill -s KILL quick >/dev/null; wait)" = 137 ] || return 1
        "$D" run --name lines busybox sh -c 'for i in 1 2 3; do echo l$i; sleep 0.05; done' >/dev/null || return 1
        [ "$("$D" logs --tail 1 lines)" = l3 ] || return 1
        second=$("$D" logs --timestamps lines | sed -n 's/ l2$//p')
        [ "$("$D" logs --since "$second" lines | tr '\n' ' ')" = "l2 l3 " ] || return 1
        [ "$("$D" logs --until "$second" lines | tr '\n' ' ')" = "l1 l2 " ] || return 1
        "$D" rm lines >/dev/null
    }
    each one
}

@test "docker ps --filter" {
    one() {
        "$D" run -d --name filtered -l a=b -p 127.0.0.1:18081:80 -v /data busybox httpd -f >/dev/null || return 1
        for f in name=filt status=running label=a label=a=b ancestor=busybox publish=18081 publish=18000-18100/tcp expose=80 \
            volume=/data network=bridge health=none is-task=false; do
            [ "$("$D" ps --filter $f --format '{{.Names}}')" = filtered ] || { echo "$f"; return 1; }
        done
        for f in name=other status=exited label=a=c publish=80 expose=81 expose=80/udp volume=/x network=host; do
            [ -z "$("$D" ps --filter $f -q)" ] || { echo "$f"; return 1; }
        done
        run "$D" ps --filter publish=80-70
        [ "$status" -ne 0 ] && [[ $output == *"first-last"* ]] || return 1
        [[ $("$D" inspect -s --format '{{.SizeRw}} {{.SizeRootFs}}' filtered) =~ ^[0-9]+\ [1-9][0-9]+$ ]] || return 1
        "$D" rm -fv filtered >/dev/null
    }
    each one
}

@test "docker run: env file, labels, ulimit, capabilities, no-new-privileges, init, tmpfs, shm, dns, hosts" {
    one() {
        printf 'A=1\n#no\nB=two words\n' >"$T/env"
        [ "$("$D" run --rm --env-file "$T/env" busybox sh -c 'echo "$A,$B"')" = "1,two words" ] || return 1
        [ "$("$D" run --rm --ulimit nofile=100:200 busybox sh -c 'ulimit -n; ulimit -Hn')" = $'100\n200' ] || return 1
        [ "$("$D" run --rm --cap-drop ALL --cap-add NET_RAW busybox awk '/CapEff/ { print $2 }' /proc/self/status)" = 0000000000002000 ] || return 1
        [ "$("$D" run --rm --security-opt no-new-privileges busybox awk '/NoNewPrivs/ { print $2 }' /proc/self/status)" = 1 ] || return 1
        [[ $("$D" run --rm --init busybox cat /proc/1/cmdline | tr '\0' ' ') == /sbin/docker-init* ]] || return 1
        run "$D" run --rm --read-only --tmpfs /t:size=1m busybox sh -c 'touch /t/x && touch /x'
        [ "$status" -eq 1 ] && [[ $output == *"/x: Read-only"* ]] || return 1
        [[ $("$D" run --rm --shm-size 32m busybox df /dev/shm) == *" 32768 "* ]] || return 1
        [ "$("$D" run --rm --dns 9.9.9.9 --dns-search ex.org busybox cat /etc/resolv.conf)" = $'nameserver 9.9.9.9\nsearch ex.org' ] || return 1
        run "$D" run --rm --add-host a:1.2.3.4 --hostname hh busybox sh -c 'hostname; grep -w a /etc/hosts'
        [ "$output" = $'hh\n1.2.3.4\ta' ] || return 1
        [[ $("$D" run --rm --ipc host busybox mount) == *"mqueue on /dev/mqueue type mqueue"* ]]
    }
    each one
}

@test "docker run --privileged gives the bounding set and names what is not in it" {
    one() {
        bounding=$(awk '/CapBnd/ { print $2 }' "/proc/$(cat "$T/berthd.pid")/status")
        last=$(cat /proc/sys/kernel/cap_last_cap)
        run "$D" run --rm --privileged busybox awk '/CapEff/ { print $2 }' /proc/self/status
        [[ $output == *"$bounding"* ]] || { echo "$output"; return 1; }
        [ $((0x$bounding)) -eq $(((1 << (last + 1)) - 1)) ] || [[ $output == *"The daemon itself does not have CAP_"* ]]
    }
    each one
}

@test "docker inspect of what is nowhere" {
    one() {
        run "$D" inspect nosuchthing
        [ "$status" -eq 1 ] && [[ $output == *"No such object: nosuchthing"* ]] || { echo "$output"; return 1; }
    }
    each one
}

@test "health checks: run --health-*, inspect, ps, --filter health, events" {
    one() {
        local id status=
        id=$("$D" run -d --network none --health-cmd 'echo looked; test -e /ok' --health-interval 50ms --health-retries 1 --label berth.on-unhealthy=none busybox sleep 1000)
        is() { [ "$("$D" inspect --format '{{.State.Health.Status}}' "$id")" = "$1" ]; }
        eventually 10 is unhealthy
        "$D" exec "$id" touch /ok
        eventually 10 is healthy
        [ "$("$D" ps -q --no-trunc --filter health=healthy)" = "$id" ]
        [ -z "$("$D" ps -q --filter health=unhealthy)" ]
        [[ $("$D" ps --format '{{.Status}}') == "Up "*" (healthy)" ]]
        [ "$("$D" inspect --format '{{(index .State.Health.Log 0).Output}}' "$id")" = looked ]
        [ "$("$D" inspect --format '{{.State.Health.FailingStreak}} {{.Config.Healthcheck.Interval}}' "$id")" = "0 50ms" ]
        "$D" rm -f "$id" >/dev/null
        run "$D" create --health-interval 100us busybox true
        [[ $output == *"Interval in Healthcheck cannot be less than 1ms"* ]] || { echo "$output"; return 1; }
        id=$("$D" create --no-healthcheck busybox true)
        [ "$("$D" inspect --format '{{.Config.Healthcheck.Test}}' "$id")" = "[NONE]" ]
        "$D" rm "$id" >/dev/null
    }
    each one
}
