#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Kernels without what Linux got since 5.10, and what is below that. The run tests pass on each of them, too: see run.sh.
load ../lib/berth

setup_file() { world_up; }
teardown_file() { world_down; }
teardown() { daemon_stop 2>/dev/null || :; }

# Starts the daemon without these calls; $output has what it says. It must end by itself.
refused() {
    write_conf
    run timeout 60 sh "$LIB/world.sh" enter "$T" "$(old_kernel)" "$1" -- "$BERTHD" --config "$T/daemon.conf"
    [ "$status" -eq 1 ]
    [[ $output == *"there is no $1 here (kernel $(uname -r)): berthd needs Linux 5.10 or newer"* ]]
}

@test "a call that nothing can stand in for is named at start" {
    refused openat2
    refused pidfd_open
    refused open_tree
    refused move_mount
    [ ! -e "$T/data/berth.db" ]
}

@test "an old kernel is one: the calls are missing to all that the daemon starts" {
    OLD_KERNEL=5.10 daemon_start
    import_busybox
    cat >"$T/ask.c" <<'END'
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
    syscall(442, -1, "", 0, 0, 0);
    printf("mount_setattr %d\n", errno);
    syscall(SYS_fsconfig, -1, 5, "lowerdir+", 0, 0);
    printf("fsconfig %d\n", errno);
    return 0;
}
END
    gcc -static -o "$T/ask" "$T/ask.c"
    run b run --rm --network none --privileged -v "$T/ask:/ask:ro" busybox /ask
    [[ $output == *$'mount_setattr 38\nfsconfig 22'* ]]
}

@test "volumes are filled from an image, and binds are read-only, without anything newer than 5.10, and by mount(2) alone" {
    mkdir -p "$T/share"
    for lacking in 5.10 "fsopen clone3 close_range mount_setattr" fsconfig-fd; do
        OLD_KERNEL=$lacking daemon_start
        [ -n "$(b images -q)" ] || import_busybox
        before=$(inworld cat /proc/self/mountinfo)
        run b run --rm --network none -v "filled:/etc" busybox cat /etc/passwd
        [[ $output == *root:x:0:0* ]]
        [ "$(inworld cat /proc/self/mountinfo)" = "$before" ]
        run b run --rm --network none -v "$T/share:/share:ro" busybox touch /share/x
        [[ $output == *"Read-only file system"* ]]
        run b run --rm --network none --read-only --tmpfs /scratch busybox sh -c 'touch /scratch/x && touch /x'
        [[ $output == *"/x: Read-only file system"* ]]
        b volume rm filled
        daemon_stop
    done
}
