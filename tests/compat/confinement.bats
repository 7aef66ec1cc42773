#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What containers and execs are confined by equals what dockerd gives, but for confinement-exceptions.txt.
load ../lib/berth

setup_file() {
    world_up
    # A daemon that inherited every signal ignored, the two that libc hides too: nothing of it may reach a container.
    cat >"$T/ignoring" <<'P'
#!/usr/bin/python3
import ctypes, os, platform, struct, sys
number = {"x86_64": 13, "aarch64": 134}[platform.machine()]  # rt_sigaction: libc refuses 32 and 33
action = struct.pack("QQQQ", 1, 0, 0, 0)  # SIG_IGN
for signal in range(1, 65):
    ctypes.CDLL(None).syscall(number, signal, action, None, 8)
os.execv(os.environ["REAL_BERTHD"], ["berthd"] + sys.argv[1:])
P
    chmod +x "$T/ignoring"
    REAL_BERTHD=$BERTHD BERTHD=$T/ignoring daemon_start
    export DOCKER=$BERTH
}
teardown_file() { world_down; }

same() { # VARIANT: equal to the recording; without one for this cgroup layout nothing can be said
    run sh "$BATS_TEST_DIRNAME/confinement.sh" compare "$1"
    [[ $status -ne 2 || $output != *"no recording"* ]] || skip "$output"
    [ "$status" -eq 0 ] || { echo "$output"; return 1; }
}

@test "a container of root" { same plain; }
@test "a container of a user" { same user; }
@test "a container on a terminal" { same tty; }
@test "an exec of root" { same exec; }
@test "an exec of a user" { same exec-user; }
@test "an exec on a terminal" { same exec-tty; }

@test "the daemon did inherit ignored signals" {
    ignored=$(awk '/^SigIgn/ { print $2 }' "/proc/$(cat "$T/berthd.pid")/status")
    [ $((0x$ignored & 0x180000000)) -ne 0 ] || { echo "$ignored"; return 1; }
}

@test "the comparison can fail" {
    layout=$([ -e /sys/fs/cgroup/cgroup.controllers ] && echo v2 || echo hybrid)
    ls "$BATS_TEST_DIRNAME"/confinement-docker-*-"$layout".plain.json || skip "no recording of Docker for this cgroup layout"
    mkdir "$T/refs"
    for f in "$BATS_TEST_DIRNAME"/confinement-docker-*-"$layout".plain.json; do
        grep -q 00000000a80425fb "$f"
        sed s/00000000a80425fb/00000000a80425fa/ "$f" >"$T/refs/${f##*/}"
    done
    REFERENCES=$T/refs run sh "$BATS_TEST_DIRNAME/confinement.sh" compare plain
    [ "$status" -eq 1 ] && [[ $output == *"differs: status CapEff"* ]]
}
