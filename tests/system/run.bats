#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One container: what is asked for is what the kernel and the process see.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

@test "run prints what the program prints and returns its exit code" {
    run b run --rm --network none busybox sh -c 'echo out; exit 7'
    [ "$status" -eq 7 ]
    [ "$output" = out ]
}

@test "stdout and stderr stay apart" {
    b run --rm --network none busybox sh -c 'echo out; echo err >&2' >"$T/o" 2>"$T/e"
    [ "$(cat "$T/o")" = out ]
    [ "$(cat "$T/e")" = err ]
}

@test "a program that is not there is 127, one that cannot be executed 126, a bad option 125" {
    run b run --rm --network none busybox /no/such
    [ "$status" -eq 127 ]
    [[ $output == *"/no/such"* ]]
    run b run --rm --network none busybox /etc/passwd
    [ "$status" -eq 126 ]
    run b run --rm --network none no-such-image true
    [ "$status" -eq 125 ]
    run b run --rm --no-such-flag busybox true
    [ "$status" -eq 125 ]
}

@test "each namespace is the container's own, cgroup is the host's on v1" {
    id=$(b run -d --network none busybox sleep 100)
    pid=$(init_pid "$id")
    for ns in mnt pid uts ipc net; do
        [ "$(readlink /proc/$pid/ns/$ns)" != "$(inworld readlink /proc/self/ns/$ns)" ]
    done
    [ "$(tr '\0' ' ' </proc/$pid/cmdline)" = "sleep 100 " ]
    grep -q "$id" /proc/$pid/cgroup
}

@test "environment, working directory, hostname and entrypoint" {
    run b run --rm --network none -e A=1 -e B='x y' -w /tmp/made -h box busybox sh -c 'echo $A $B $(pwd) $(hostname) $PATH'
    [ "$output" = "1 x y /tmp/made box /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" ]
    run b run --rm --network none --entrypoint /bin/echo busybox hello there
    [ "$output" = "hello there" ]
    run b run --rm --network none busybox
    [ "$status" -eq 0 ]
}

@test "users by name and number, with the groups of the image's own files" {
    run b run --rm --network none -u app busybox id
    [ "$output" = "uid=1000(app) gid=1000(app) groups=10(wheel),29(audio),1000(app)" ] ||
        [ "$output" = "uid=1000(app) gid=1000(app) groups=1000(app),10(wheel),29(audio)" ]
    run b run --rm --network none -u 77:88 busybox sh -c 'id -u; id -g'
    [ "$output" = $'77\n88' ]
    run b run --rm --network none -u nosuch busybox id
    [ "$status" -ne 0 ]
    [[ $output == *nosuch* ]]
    run b run --rm --network none -u app busybox sh -c 'echo $HOME'
    [ "$output" = /home/app ]
}

@test "limits of memory, cpus and pids stand in the cgroup" {
    id=$(b run -d --network none -m 64m --cpus 0.5 --pids-limit 50 busybox sleep 100)
    pid=$(init_pid "$id")
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        cg=/sys/fs/cgroup$(cut -d: -f3 /proc/$pid/cgroup)
        [ "$(cat "$cg/memory.max")" = 67108864 ]
        [ "$(cat "$cg/pids.max")" = 50 ]
    else
        at() { echo "/sys/fs/cgroup/$1$(awk -F: -v c="$1" '$2 == c { print $3 }' /proc/$pid/cgroup)"; }
        [ "$(cat "$(at memory)/memory.limit_in_bytes")" = 67108864 ]
        [ "$(cat "$(at cpu)/cpu.cfs_quota_us")" = 50000 ]
        [ "$(cat "$(at pids)/pids.max")" = 50 ]
    fi
}

@test "a container over its memory limit is killed and says so" {
    run b run --name oom --network none -m 20m busybox sh -c 'dd if=/dev/zero of=/dev/null bs=100M count=1'
    [ "$status" -eq 137 ]
    [ "$(field oom '{{.State.OOMKilled}}')" = true ]
}

@test "bind mounts, read-only ones, single files, and a source that is missing" {
    mkdir -p "$T/src/sub"
    echo data >"$T/src/file"
    run b run --rm --network none -v "$T/src:/mnt" busybox sh -c 'cat /mnt/file; echo new >/mnt/made'
    [ "$output" = data ]
    [ "$(cat "$T/src/made")" = new ]
    run b run --rm --network none -v "$T/src:/mnt:ro" busybox sh -c 'echo x >/mnt/no'
    [ "$status" -ne 0 ]
    [ ! -e "$T/src/no" ]
    run b run --rm --network none -v "$T/src/file:/etc/one" busybox cat /etc/one
    [ "$output" = data ]
    run b run --rm --network none --mount "type=bind,source=$T/missing,target=/x" busybox true
    [ "$status" -eq 125 ]
    [[ $output == *"$T/missing"* ]]
}

@test "named volumes outlive containers, anonymous ones go with --rm" {
    b run --rm --network none -v keep:/data busybox sh -c 'echo kept >/data/f'
    run b run --rm --network none -v keep:/data busybox cat /data/f
    [ "$output" = kept ]
    before=$(ls "$T/data/volumes" | wc -l)
    b run --rm --network none -v /anon busybox touch /anon/x
    [ "$(ls "$T/data/volumes" | wc -l)" -eq "$before" ]
    run b run --rm --network none -v vol2:/etc busybox cat /etc/passwd
    [[ $output == *root:x:0:0* ]]
}

@test "tmpfs, read-only root and shm" {
    run b run --rm --network none --read-only --tmpfs /scratch:size=1m busybox sh -c \
        'touch /no 2>/dev/null && exit 1; touch /scratch/yes && grep -c " /scratch tmpfs" /proc/mounts; df -k /dev/shm | tail -1 | awk "{print \$2}"'
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = 1 ]
    [ "${lines[1]}" = 65536 ]
}

@test "a tty is a tty, and its size is the client's" {
    run b run --rm --network none -t busybox sh -c 'test -t 0 && test -t 1 && tty'
    [ "$status" -eq 0 ]
    [[ $output == */dev/pts/0* ]]
}

@test "stdin reaches the program and its end is the program's end" {
    run sh -c 'echo "one
two" | "$0" run -i --rm --network none busybox cat' "$BERTH"
    [ "$output" = $'one\ntwo' ]
    head -c 5000000 /dev/urandom >"$T/big"
    sum=$(b run -i --rm --network none busybox md5sum <"$T/big" | cut -d' ' -f1)
    [ "$sum" = "$(md5sum <"$T/big" | cut -d' ' -f1)" ]
}

@test "--init reaps what the program leaves behind" {
    id=$(b run -d --init --network none busybox sh -c '(sleep 0.1 &); exec sleep 100')
    pid=$(init_pid "$id")
    [[ $(tr '\0' ' ' </proc/$pid/cmdline) == /sbin/docker-init* ]]
    eventually 10 sh -c "[ \"\$($BERTH exec $id ps -o comm | grep -c sleep)\" = 1 ]"
    b stop -t 5 "$id"
    [ "$(field "$id" '{{.State.ExitCode}}')" = 143 ]
}

@test "hosts, hostname and resolv.conf are the container's" {
    run b run --rm --network none -h box busybox sh -c 'cat /etc/hostname; grep -c localhost /etc/hosts; grep " /etc/hosts " /proc/self/mounts | wc -l'
    [ "${lines[0]}" = box ]
    [ "${lines[2]}" = 1 ]
}

@test "the network is none, or the host's" {
    run b run --rm --network none busybox sh -c 'ls /sys/class/net'
    [ "$output" = lo ]
    innet ip link add probe0 type veth peer name probe1
    run b run --rm --network host busybox ls /sys/class/net
    [[ $output == *probe0* ]]
    innet ip link del probe0
}

@test "exec joins the container, with user, environment, directory and exit code" {
    id=$(b run -d --network none -e A=1 busybox sleep 100)
    run b exec -e B=2 -w /tmp -u app "$id" sh -c 'echo $A $B $(pwd) $(id -un); exit 3'
    [ "$status" -eq 3 ]
    [ "$output" = "1 2 /tmp app" ]
    run b exec "$id" /no/such
    [ "$status" -eq 127 ]
    run sh -c 'echo typed | "$0" exec -i "$1" cat' "$BERTH" "$id"
    [ "$output" = typed ]
    b stop -t 0 "$id"
    run b exec "$id" true
    [ "$status" -ne 0 ]
    [[ $output == *"not running"* ]]
}

@test "stop sends the signal, waits, then kills" {
    id=$(b run -d --network none busybox sh -c 'trap "exit 5" TERM; while :; do sleep 0.05; done')
    b stop "$id"
    [ "$(field "$id" '{{.State.ExitCode}}')" = 5 ]
    id=$(b run -d --network none busybox sh -c 'trap "" TERM; while :; do sleep 0.05; done')
    b stop -t 1 "$id"
    [ "$(field "$id" '{{.State.ExitCode}}')" = 137 ]
}

@test "kill sends any signal and refuses one that does not exist" {
    id=$(b run -d --network none busybox sh -c 'trap "exit 9" USR1; while :; do sleep 0.05; done')
    run b kill -s NOSUCH "$id"
    [ "$status" -ne 0 ]
    b kill -s USR1 "$id"
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.ExitCode}}' $id) = 9 ]"
    run b kill "$id"
    [ "$status" -ne 0 ]
    [[ $output == *"not running"* ]]
}

@test "create, start, wait, rm; a running container is only removed by force" {
    id=$(b create --name c1 --network none busybox sh -c 'exit 4')
    [ "$(field c1 '{{.State.Status}}')" = created ]
    b start c1
    eventually 5 sh -c "[ \$($BERTH inspect -f '{{.State.Status}}' c1) = exited ]"
    [ "$(field c1 '{{.State.ExitCode}}')" = 4 ]
    b rm c1
    id=$(b run -d --name c2 --network none busybox sleep 100)
    run b rm c2
    [ "$status" -ne 0 ]
    [[ $output == *"running"* ]]
    b rm -f c2
    [ ! -e "$T/data/containers/$id" ]
}

@test "descriptors, signals and umask of the program are clean" {
    run b run --rm --network none busybox sh -c 'ls /proc/self/fd | wc -l; grep -E "^Sig(Blk|Ign)" /proc/self/status; umask'
    [ "${lines[0]}" -le 4 ]
    [[ $output == *"SigBlk:	0000000000000000"* ]]
    [[ $output == *"SigIgn:	0000000000000000"* ]]
    [[ $output == *0022* ]]
}

@test "nothing of it is left in the kernel" {
    b run --rm --network none busybox true
    before=$(kernel_census)
    b run --rm --network none -m 32m -v /a -v "$T:/b" --tmpfs /c busybox true
    eventually 5 sh -c true
    eventually 5 [ "$(kernel_census)" = "$before" ] || diff <(echo "$before") <(kernel_census)
}
