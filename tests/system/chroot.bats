#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A daemon in a chroot: its containers' roots are true roots all the same.
load ../lib/berth

setup_file() {
    world_up
    mkdir "$T/jail"
    inworld mount --rbind / "$T/jail"
    real=$BERTHD
    cat >"$T/jailed" <<EOF
#!/bin/sh
exec chroot "$T/jail" "$real" "\$@"
EOF
    chmod +x "$T/jailed"
    BERTHD=$T/jailed daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

@test "exec lands in the container's root, not in the machine's" {
    id=$(b run -d --network none busybox sleep 100)
    [ "$(b exec "$id" cat /proc/1/root/etc/passwd | head -1)" = "root:x:0:0:root:/root:/bin/sh" ]
    [ "$(b exec "$id" ls / | sort | tr '\n' ' ')" = "$(b run --rm --network none busybox ls / | sort | tr '\n' ' ')" ]
    ! b exec "$id" test -e /boot -o -e /usr/share
}

@test "dot-dot above a chroot of the container's own ends at the container's root" {
    gcc -static -O1 -x c -o "$T/escape" - <<'C'
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
int main(void)
{
    int here = open("/", O_RDONLY | O_DIRECTORY);
    mkdir("/tmp/sub", 0755);
    if (chroot("/tmp/sub") < 0 || fchdir(here) < 0)
        return 2;
    for (int i = 0; i < 64; i++)
        if (chdir("..") < 0)
            return 3;
    if (chroot(".") < 0)
        return 4;
    return access("/usr/share", F_OK) == 0 || access("/boot", F_OK) == 0;
}
C
    b run --rm --network none -v "$T/escape:/escape:ro" busybox /escape
}
