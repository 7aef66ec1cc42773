#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each failpoint of each verb fails with each errno.
load ../lib/berth
load ../lib/faults
load ../lib/fault-verbs

setup_file() {
    faults_up
    daemon_start
    import_busybox
}
teardown_file() { world_down; }
setup() { baseline; }

@test "create" { fail_everywhere create; }
@test "start" { fail_everywhere start; }
@test "exit" { fail_everywhere exit; }
@test "autoremove" { fail_everywhere autoremove; }
@test "stop" { fail_everywhere stop; }
@test "kill" { fail_everywhere kill; }
@test "restart" { fail_everywhere restart; }
@test "pause" { fail_everywhere pause; }
@test "unpause" { fail_everywhere unpause; }
@test "rename" { fail_everywhere rename; }
@test "update" { fail_everywhere update; }
@test "exec" { fail_everywhere exec; }
@test "health" { fail_everywhere health; }
@test "rm" { fail_everywhere rm; }
@test "rm_force" { fail_everywhere rm_force; }
@test "import" { fail_everywhere import; }
@test "load" { fail_everywhere load; }
@test "commit" { fail_everywhere commit; }
@test "cp" { fail_everywhere cp; }
@test "export" { fail_everywhere export; }
@test "tag" { fail_everywhere tag; }
@test "untag" { fail_everywhere untag; }
@test "rmi" { fail_everywhere rmi; }
@test "image_prune" { fail_everywhere image_prune; }
@test "reload" { fail_everywhere reload; }
@test "volume_create" { fail_everywhere volume_create; }
@test "volume_rm" { fail_everywhere volume_rm; }
@test "volume_prune" { fail_everywhere volume_prune; }
