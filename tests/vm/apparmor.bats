#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# AppArmor: the profile that containers get, as the kernel names it and as it forbids.
load ../lib/berth

setup_file() {
    world_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
teardown() { b rm -f $(b ps -aq) >/dev/null 2>&1 || :; }

label() { tr -d '\0' <"/proc/$1/attr/current"; }
security_options() { api GET /info | head -n 1 | jq -c .SecurityOptions; }
loaded() { grep -q '^berth-default (enforce)$' /sys/kernel/security/apparmor/profiles; }

@test "a container and its execs are confined by the default profile; info and inspect name it" {
    loaded
    [[ $(security_options) == *'"name=apparmor"'* ]]
    id=$(b run -d --network none busybox sleep 1000)
    [ "$(label "$(init_pid "$id")")" = "berth-default (enforce)" ]
    [ "$(field "$id" '{{.AppArmorProfile}}')" = berth-default ]
    run b exec "$id" cat /proc/self/attr/current
    [[ $output == "berth-default (enforce)"* ]]
    id=$(b run -d --network none --security-opt apparmor=docker-default --security-opt no-new-privileges -u app busybox sleep 1000)
    [ "$(label "$(init_pid "$id")")" = "berth-default (enforce)" ]
    [ "$(label "$(cat "$T/berthd.pid")")" = unconfined ]
}

@test "privileged containers, privileged execs and who asks for none are unconfined" {
    id=$(b run -d --network none --privileged busybox sleep 1000)
    [ "$(label "$(init_pid "$id")")" = unconfined ]
    [ "$(field "$id" '{{.AppArmorProfile}}')" = unconfined ]
    id=$(b run -d --network none --security-opt apparmor=unconfined busybox sleep 1000)
    [ "$(label "$(init_pid "$id")")" = unconfined ]
    id=$(b run -d --network none busybox sleep 1000)
    run b exec --privileged "$id" cat /proc/self/attr/current
    [[ $output == unconfined* ]]
}

@test "what the profile forbids is forbidden, and only by it" {
    run b run --rm --network none --cap-add SYS_ADMIN --security-opt apparmor=unconfined busybox \
        sh -c 'mkdir /m && mount -t tmpfs none /m && echo mounted'
    [[ $output == *mounted* ]]
    run b run --rm --network none --cap-add SYS_ADMIN busybox sh -c 'mkdir /m && mount -t tmpfs none /m && echo mounted'
    [[ $output == *"ermission denied"* ]]
    write='for f in /proc/sys/kernel/domainname /proc/sys/vm/swappiness /proc/sysrq-trigger /sys/kernel/mm/transparent_hugepage/enabled; do
        (echo x >$f) 2>&1; done; (echo 4096 >/proc/sys/kernel/shmmni) && echo shm; echo 0 >/proc/self/oom_score_adj && echo own'
    id=$(b run -d --network none --privileged --security-opt apparmor=docker-default busybox sleep 1000)
    run b exec "$id" sh -c "$write"
    [ "$(grep -c 'ermission denied' <<<"$output")" = 4 ]
    [[ $output == *shm* ]]
    [[ $output == *own* ]]
    run b exec "$id" sh -c 'head -c 1 /proc/kcore; ls /sys/firmware/acpi; ls /sys/fs/cgroup; tr -d "\\0" </proc/1/cmdline'
    [[ $output == *"/proc/kcore: Permission denied"* ]]
    [[ $output == *"/sys/firmware/acpi': Permission denied"* ]]
    [[ $output == *cgroup.procs* ]]
}

@test "processes of a container signal and trace each other, and the engine ends them" {
    run b run --rm --network none busybox sh -c 'sleep 1000 & kill -TERM $!; wait $!; echo "ended $?"; cat /proc/1/environ | wc -c'
    [[ $output == *"ended 143"* ]]
    id=$(b run -d --network none busybox sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done')
    b stop -t 60 "$id"
    [ "$(field "$id" '{{.State.ExitCode}}')" = 3 ]
    id=$(b run -d --network none --init busybox sleep 1000)
    b pause "$id"
    b unpause "$id"
    b kill "$id"
    eventually 10 sh -c "[ \$($BERTH inspect -f '{{.State.ExitCode}}' $id) = 137 ]"
}

@test "a profile of one's own is used; one that the kernel does not have is named" {
    printf 'profile own-test flags=(attach_disconnected) { file, capability, network, signal, deny /etc/passwd r, }\n' |
        apparmor_parser -K -r
    run b run --rm --network none --security-opt apparmor=own-test busybox sh -c 'cat /proc/self/attr/current; cat /etc/passwd'
    [[ $output == *"own-test (enforce)"* ]]
    [[ $output == *"/etc/passwd': Permission denied"* ]]
    run b run --rm --network none --security-opt apparmor=nosuchprofile busybox true
    [ "$status" -ne 0 ]
    [[ $output == *"AppArmor profile nosuchprofile"* ]]
}

@test "without apparmor_parser the daemon goes on and says so; a profile that is loaded already is used" {
    daemon_stop
    mv /usr/sbin/apparmor_parser /usr/sbin/apparmor_parser.away
    daemon_start
    [[ $(security_options) == *'"name=apparmor"'* ]]
    daemon_stop
    printf 'profile berth-default { }\n' | /usr/sbin/apparmor_parser.away -R
    refute loaded
    daemon_start
    mv /usr/sbin/apparmor_parser.away /usr/sbin/apparmor_parser
    [[ $(security_options) != *apparmor* ]]
    [[ $(api GET /info | head -n 1 | jq -r '.Warnings[]') == *"apparmor_parser is not installed (package apparmor)"* ]]
    id=$(b run -d --network none busybox sleep 1000)
    [ "$(label "$(init_pid "$id")")" = unconfined ]
    b rm -f "$id"
    daemon_stop
    daemon_start
    loaded
    [ "$(b run --rm --network none busybox cat /proc/self/attr/current)" = "berth-default (enforce)" ]
}
