#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The daemon dies at each failpoint of each verb.
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

@test "create" { crash_everywhere create; }
@test "start" { crash_everywhere start; }
@test "exit" { crash_everywhere exit; }
@test "autoremove" { crash_everywhere autoremove; }
@test "stop" { crash_everywhere stop; }
@test "kill" { crash_everywhere kill; }
@test "restart" { crash_everywhere restart; }
@test "pause" { crash_everywhere pause; }
@test "unpause" { crash_everywhere unpause; }
@test "rename" { crash_everywhere rename; }
@test "update" { crash_everywhere update; }
@test "exec" { crash_everywhere exec; }
@test "health" { crash_everywhere health; }
@test "rm" { crash_everywhere rm; }
@test "rm_force" { crash_everywhere rm_force; }
@test "import" { crash_everywhere import; }
@test "load" { crash_everywhere load; }
@test "commit" { crash_everywhere commit; }
@test "cp" { crash_everywhere cp; }
@test "export" { crash_everywhere export; }
@test "tag" { crash_everywhere tag; }
@test "untag" { crash_everywhere untag; }
@test "rmi" { crash_everywhere rmi; }
@test "image_prune" { crash_everywhere image_prune; }
@test "reload" { crash_everywhere reload; }
@test "volume_create" { crash_everywhere volume_create; }
@test "volume_rm" { crash_everywhere volume_rm; }
@test "volume_prune" { crash_everywhere volume_prune; }
@test "start-up" { start_everywhere startup; }
