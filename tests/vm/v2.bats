#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Control groups version 2 and an older kernel: what the kernel itself says of a container.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

# The container's group, as the host sees it.
group_of() { echo "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(init_pid "$1")/cgroup")"; }

@test "this is control groups version 2 alone, on a kernel before 6.5, and the engine says so" {
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]
    [ "$(awk '$3 == "cgroup"' /proc/self/mounts | wc -l)" -eq 0 ]
    [[ $(uname -r) == 6.1.* ]]
    [ "$(api GET /info | head -n 1 | jq -r .CgroupVersion)" = 2 ]
}

@test "limits of memory, swap, cpu, weight, cpuset and processes stand in the container's group" {
    id=$(b run -d --network none -m 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 \
        --cpuset-cpus 1 --pids-limit 50 busybox sleep 1000)
    cg=$(group_of "$id")
    [[ $cg == */$id ]]
    [ "$(cat "$cg/memory.max")" = 67108864 ]
    [ ! -e "$cg/memory.swap.max" ] || [ "$(cat "$cg/memory.swap.max")" = 33554432 ]
    [ "$(cat "$cg/memory.low")" = 33554432 ]
    [ "$(cat "$cg/cpu.max")" = "50000 100000" ]
    [ "$(cat "$cg/cpu.weight")" = 20 ]
    [ "$(cat "$cg/cpuset.cpus")" = 1 ]
    [ "$(cat "$cg/pids.max")" = 50 ]
    [ "$(b exec "$id" cat /sys/fs/cgroup/memory.max)" = 67108864 ]
}

@test "no limit asked for is none" {
    id=$(b run -d --network none busybox sleep 1000)
    cg=$(group_of "$id")
    [ "$(cat "$cg/memory.max" "$cg/pids.max" | sort -u)" = max ]
    [ "$(cat "$cg/cpu.max")" = "max 100000" ]
}

@test "the process limit stops a fork" {
    run b run --rm --network none --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 5 & done; echo unreached'
    [[ $output == *"an't fork"* ]]
    [[ $output != *unreached* ]]
}

@test "a container over its memory limit is killed, and State, events and the group say so" {
    since=$(date +%s)
    run b run --name oom --network none -m 20m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1'
    [ "$status" -eq 137 ]
    [ "$(field oom '{{.State.OOMKilled}}')" = true ]
    run curl -s --max-time 5 --unix-socket "$T/berth.sock" "http://x/events?since=$since&until=$(($(date +%s) + 1))"
    [[ $output == *'"oom"'* ]]
    b run --name fine --network none -m 20m busybox true
    [ "$(field fine '{{.State.OOMKilled}}')" = false ]
}

@test "a child of init that is killed for memory is noticed while init lives" {
    id=$(b run -d --network none -m 20m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1; sleep 1000')
    eventually 10 sh -c "grep -q 'oom_kill [1-9]' '$(group_of "$id")/memory.events'"
    [ "$(field "$id" '{{.State.Running}}')" = true ]
    b kill "$id"
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.OOMKilled}}' $id) = true ]"
}

@test "devices: those of every container work, others cannot be opened, by a program on the group" {
    major=$(cat /sys/class/block/vda/dev | cut -d: -f1) minor=$(cat /sys/class/block/vda/dev | cut -d: -f2)
    run b run --rm --network none busybox sh -c "echo x >/dev/null && head -c 1 /dev/zero | wc -c &&
        mknod /tmp/disk b $major $minor && echo made; head -c 1 /tmp/disk"
    [ "${lines[0]}" = 1 ]
    [ "${lines[1]}" = made ]
    [[ $output == *"/tmp/disk: Operation not permitted"* ]]
    run b run --rm --network none --device /dev/vda:/dev/disk:r busybox sh -c 'head -c 1 /dev/disk | wc -c; : >>/dev/disk'
    [ "${lines[0]}" = 1 ]
    [[ $output == *"Operation not permitted"* ]]
    run b run --rm --network none --device-cgroup-rule "b $major:* rm" busybox sh -c \
        "mknod /tmp/disk b $major $minor && head -c 1 /tmp/disk | wc -c"
    [ "$output" = 1 ]
    run b run --rm --network none --privileged busybox sh -c "mknod /tmp/disk b $major $minor && head -c 1 /tmp/disk | wc -c"
    [ "$output" = 1 ]
}

@test "the container's cgroup namespace is its own by default, and the host's when asked" {
    run b run --rm --network none busybox cat /proc/self/cgroup
    [ "$output" = "0::/" ]
    id=$(b run -d --network none busybox sleep 1000)
    [ "$(field "$id" '{{.HostConfig.CgroupnsMode}}')" = private ]
    [ "$(b exec "$id" cat /proc/self/cgroup)" = "0::/" ]
    run b run --rm --network none --cgroupns host busybox cat /proc/self/cgroup
    [[ $output == 0::/*berth*/[0-9a-f]* ]]
}

@test "/sys/fs/cgroup is the container's own group, read-only" {
    run b run --rm --network none busybox sh -c 'grep " /sys/fs/cgroup " /proc/self/mounts; mkdir /sys/fs/cgroup/x; cat /sys/fs/cgroup/cgroup.procs'
    [[ ${lines[0]} == "cgroup /sys/fs/cgroup cgroup2 ro,nosuid,nodev,noexec"* ]]
    [[ $output == *"Read-only file system"* ]]
    [[ $output == *$'\n1'* ]]
    run b run --rm --network none --cgroupns host busybox sh -c 'cat /sys/fs/cgroup/cgroup.procs | wc -l; mkdir /sys/fs/cgroup/x'
    [ "$status" -ne 0 ]
    [[ $output == *"Read-only file system"* ]]
}

@test "init and exec begin in the group: nothing of the container is ever in the engine's" {
    id=$(b run -d --network none busybox sleep 1000)
    b exec "$id" sleep 500 3>&- &
    cg=$(group_of "$id")
    eventually 5 sh -c "[ \$(wc -l <'$cg/cgroup.procs') -eq 2 ]"
    for p in $(cat "$cg/../engine/cgroup.procs"); do
        [[ $(cat "/proc/$p/comm") == berth* ]]
    done
    b rm -f "$id"
    wait
}

@test "without clone3 and its control group a container still gets into its group" {
    daemon_stop
    OLD_KERNEL=clone3 daemon_start
    id=$(b run -d --network none busybox sleep 1000)
    [[ $(group_of "$id") == */$id ]]
    [ "$(b exec "$id" cat /proc/self/cgroup)" = "0::/" ]
    b rm -f "$id"
    daemon_stop
    daemon_start
}

@test "kill reaches every process of the group, also in groups below it" {
    id=$(b run -d --network none busybox sh -c 'for i in 1 2 3 4 5; do sleep 1000 & done; exec sleep 1000')
    cg=$(group_of "$id")
    eventually 5 sh -c "[ \$(wc -l <'$cg/cgroup.procs') -eq 6 ]"
    b kill "$id"
    eventually 5 test ! -e "$cg"
    [ "$(field "$id" '{{.State.ExitCode}}')" = 137 ]
    # In the host's pid namespace init's end is not everybody's: the group is emptied by cgroup.kill.
    id=$(b run -d --network none --pid host busybox sh -c 'for i in 1 2 3; do sleep 1000 & done; exec sleep 1000')
    cg=$(group_of "$id")
    eventually 5 sh -c "[ \$(wc -l <'$cg/cgroup.procs') -eq 4 ]"
    pids=$(cat "$cg/cgroup.procs")
    b kill "$id"
    eventually 5 test ! -e "$cg"
    for p in $pids; do refute test -e "/proc/$p"; done
}

@test "a frozen group is killed, too" {
    id=$(b run -d --network none busybox sleep 1000)
    cg=$(group_of "$id")
    echo 1 >"$cg/cgroup.freeze"
    eventually 5 grep -q 'frozen 1' "$cg/cgroup.events"
    b rm -f "$id"
    [ ! -e "$cg" ]
}

@test "layers are mounted the way of kernels that do not know lowerdir+" {
    id=$(b run -d --network none busybox sh -c 'echo new >/etc/made; rm /etc/group; sleep 1000')
    pid=$(init_pid "$id")
    eventually 5 test -e "/proc/$pid/root/etc/made"
    grep -q ' / / .* - overlay ' "/proc/$pid/mountinfo"
    eventually 5 test ! -e "/proc/$pid/root/etc/group"
    run grep -c ' - overlay ' /proc/self/mountinfo
    [ "$output" = 0 ]
    # create copies what an image has at a volume's place: that mounts the image itself.
    run b run --rm --network none -v fresh:/etc busybox cat /etc/passwd
    [[ $output == *root:x:0:0* ]]
}

@test "a daemon that ends with nothing running leaves no group" {
    b rm -f $(b ps -aq) 2>/dev/null || :
    daemon_stop
    [ "$(inworld find /sys/fs/cgroup -name 'berth-*' | wc -l)" -eq 0 ]
    daemon_start
    b run --rm --network none -m 32m busybox true
}
