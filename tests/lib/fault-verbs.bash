# SPDX-License-Identifier: Apache-2.0
# The verbs of tests/lib/faults.bash.

names() { b ps -a --format '{{.Names}} {{.State}}'; }
state_is() { [ "$(field box '{{.State.Status}}')" = "$1" ]; }
slow() { b run -d --name box -p 18081:80 -v /anon "$@" busybox sleep 1000 >/dev/null; }

# A container that was created whole, starts; a half of one is not there.
create_prepare() { :; }
create_act() { b create --name box -v /anon -v named:/data -p 18081:80 busybox sleep 1000; }
create_after() {
    [ "$1" != undone ] || [ -z "$(names)$(b volume ls -q)" ]
    [ "$1" != done ] || [ "$(names)" = "box created" ]
    [ -z "$(names)" ] || b start box
}

start_prepare() { b create --name box -v /anon -p 18081:80 busybox sleep 1000 >/dev/null; }
start_act() { b start box; }
start_after() {
    [ "$1" != undone ] || state_is created
    [ "$1" != done ] || state_is running
    [ "$(names | wc -l)" -eq 1 ]
    [ "$1" = undone ] || b start box
    [ "$1" = undone ] || state_is running
}

exit_prepare() { slow; }
exit_act() {
    local p
    p=$(init_pid box)
    kill -KILL "$p"
    eventually 30 exited_or_dead
}
exit_after() {
    eventually 10 state_is exited
    [ "$(field box '{{.State.ExitCode}}')" = 137 ]
    b start box
    state_is running
}

autoremove_prepare() { slow --rm; }
autoremove_act() {
    local p
    p=$(init_pid box)
    kill -KILL "$p"
    eventually 60 gone_or_dead
}
autoremove_after() { eventually 10 gone_or_dead && [ -z "$(names)$(b volume ls -q)" ]; }

stop_prepare() { slow; }
stop_act() { b stop -t 0 box; }
stop_after() {
    [ "$1" != done ] || state_is exited
    b stop -t 0 box
    state_is exited
}

kill_prepare() { slow --restart always; }
kill_act() { b kill box; }
kill_after() {
    [ "$1" != done ] || eventually 10 state_is exited
    [ "$1" != undone ] || return 0
    state_is exited || b kill box
    eventually 10 state_is exited
}

restart_prepare() { slow; }
restart_act() { b restart -t 0 box; }
restart_after() {
    [ "$1" != undone ] || return 0
    eventually 10 state_is running
}

pause_prepare() { slow; }
pause_act() { b pause box; }
pause_after() {
    [ "$1" != undone ] || state_is running
    [ "$1" != done ] || state_is paused
    state_is running || b unpause box
    [ "$(b exec box echo in)" = in ]
}

unpause_prepare() {
    slow
    b pause box >/dev/null
}
unpause_act() { b unpause box; }
unpause_after() {
    [ "$1" != done ] || state_is running
    [ "$1" = undone ] || state_is running || b unpause box
}

rename_prepare() { slow; }
rename_act() { b rename box other; }
rename_after() {
    [ "$1" != undone ] || state_is running
    [ "$1" != done ] || [ "$(names)" = "other running" ]
    [ "$(names)" = "box running" ] || [ "$(names)" = "other running" ]
    [ "$(names)" != "box running" ] || [ "$1" = undone ] || b rename box other
}

# The limit in the kernel is the row's, whichever of the two it is.
update_prepare() { slow --memory 64m --memory-swap 64m --pids-limit 40; }
update_act() { b update -m 48m --memory-swap 48m --pids-limit 50 box; }
update_after() {
    local row kernel
    row=$(field box '{{.HostConfig.Memory}}')
    kernel=$(curl -s --unix-socket "$T/berth.sock" "http://x/containers/box/stats?stream=0&one-shot=1" | jq '"\(.memory_stats.limit) \(.pids_stats.limit)"' -r)
    [ "$row" = "${kernel% *}" ]
    [ "$(field box '{{.HostConfig.PidsLimit}}')" = "${kernel#* }" ]
    [ "$1" != undone ] || [ "$row" = 67108864 ]
    [ "$1" != done ] || [ "$row" = 50331648 ]
}

rm_prepare() {
    slow -v named:/data
    b exec box sh -c 'echo kept >/data/f' && b stop -t 0 box >/dev/null
}
rm_act() { b rm -v box; }
rm_after() {
    [ "$1" != done ] || [ -z "$(names)" ]
    [ "$1" = undone ] || [ -z "$(names)" ] || b rm -v box
    [ "$(cat "$T/data/volumes/named/_data/f")" = kept ]
    [ "$1" = undone ] || [ "$(b volume ls -q)" = named ]
}

rm_force_prepare() { slow; }
rm_force_act() { b rm -fv box; }
rm_force_after() {
    [ "$1" != done ] || [ -z "$(names)$(b volume ls -q)" ]
    [ "$1" = undone ] || [ -z "$(names)" ] || b rm -fv box
    [ "$1" = undone ] || [ -z "$(b volume ls -q)" ]
}

# One whose start failed is listed, as it may be started yet.
no_exec_runs() {
    local x
    for x in $(b inspect -f '{{range .ExecIDs}}{{.}} {{end}}' box); do
        [ "$(curl -s --unix-socket "$T/berth.sock" "http://x/exec/$x/json" | jq .Running)" = false ] || return 1
    done
}
exec_prepare() { slow; }
exec_act() { b exec box true && eventually 20 no_exec_runs_or_dead; }
no_exec_runs_or_dead() { ! daemon_lives || no_exec_runs; }
exec_after() {
    [ "$1" = undone ] || state_is running
    [ "$(b exec box echo in)" = in ]
}

healthy() { [ "$(field box '{{.State.Health.Status}}' 2>/dev/null)" = healthy ]; }
healthy_or_dead() { ! daemon_lives || healthy; }
health_prepare() { slow --health-cmd 'test -e /ok' --health-interval 50ms --health-retries 1000; }
health_act() {
    inworld touch "/proc/$(init_pid box)/root/ok"
    eventually 20 healthy_or_dead
}
health_after() {
    [ "$1" = undone ] || state_is running
    eventually 10 healthy
}

a_tar() { tar -C "$T" -cf "$T/a.tar" passed serial; }
import_prepare() { a_tar; }
import_act() { b import "$T/a.tar" made:latest; }
import_after() {
    [ "$1" != undone ] || [ "$(b images -q | wc -l)" -eq 1 ]
    [ "$1" != done ] || [ -n "$(b images -q made)" ]
    [ -z "$(b images -q made)" ] || b inspect made >/dev/null
}

load_prepare() {
    python3 "$LIB/archives.py" old "$(busybox_tar)" "$T/old.tar"
    b tag busybox old/form:1
}
load_act() { b load -i "$T/old.tar"; }
load_after() {
    [ "$1" != undone ] || [ "$(b images -q | sort -u | wc -l)" -eq 1 ]
    [ "$1" = undone ] || [ "$(b images -q old/form:1)" != "$(b images -q busybox)" ] || b load -i "$T/old.tar" >/dev/null
    [ "$1" = undone ] || [ "$(b images -q old/form:1)" = "$(b images -q old/form:2)" ]
    [ "$1" = undone ] || [ "$(b run --rm old/form:2 cat /etc/second)" = second ]
}

dangling_gone() { [ -z "$(b images -qf dangling=true)" ]; }
image_prune_prepare() {
    a_tar
    b import "$T/a.tar" >/dev/null
}
image_prune_act() { b image prune -f && dangling_gone; }
image_prune_after() {
    [ "$1" != done ] || dangling_gone
    [ "$1" != undone ] || ! dangling_gone
    [ "$1" = undone ] || b image prune -f >/dev/null
    [ "$1" = undone ] || dangling_gone
}

# A container that runs: it is frozen meanwhile, and runs on whatever comes of it.
commit_prepare() {
    slow
    b exec box sh -c 'echo x >/f; rm /etc/group'
}
commit_act() { b commit box made:latest; }
commit_after() {
    [ "$1" != undone ] || [ "$(b images -q | wc -l)" -eq 1 ]
    [ "$1" != done ] || [ -n "$(b images -q made)" ]
    [ -z "$(b images -q made)" ] || [ "$(b run --rm made sh -c 'cat /f; ls /etc/group 2>/dev/null')" = x ]
    state_is running
    [ "$(b exec box echo in)" = in ]
}

# Into one that does not run.
cp_prepare() {
    a_tar
    b create --name box -v named:/data busybox true >/dev/null
}
cp_act() { b cp "$T/a.tar" box:/data/copied && b cp box:/data/copied "$T/back.tar"; }
cp_after() {
    [ "$1" != done ] || cmp "$T/a.tar" "$T/data/volumes/named/_data/copied"
    [ "$1" = undone ] || b cp "$T/a.tar" box:/tmp
    [ "$(names)" = "box created" ]
}

export_prepare() { b create --name box busybox true >/dev/null; }
export_act() { b export -o "$T/box.tar" box; }
export_after() {
    [ "$1" != done ] || tar tf "$T/box.tar" >/dev/null
    [ "$1" = undone ] || b export -o "$T/box.tar" box
}

tag_prepare() { :; }
tag_act() { b tag busybox other:latest; }
tag_after() {
    [ "$1" != undone ] || [ -z "$(b images -q other)" ]
    [ "$1" != done ] || [ "$(b images -q other)" = "$(b images -q busybox)" ]
}

untag_prepare() { b tag busybox other:latest; }
untag_act() { b rmi other; }
untag_after() {
    [ "$1" != done ] || [ -z "$(b images -q other)" ]
    [ "$1" != undone ] || [ -n "$(b images -q other)" ]
    [ -n "$(b images -q busybox)" ]
}

rmi_prepare() {
    a_tar
    b import "$T/a.tar" made:latest >/dev/null
    b create --name made made true >/dev/null && b rm made >/dev/null # with an init layer
}
rmi_act() { b rmi made; }
rmi_after() {
    [ "$1" != done ] || [ "$(b images -q | wc -l)" -eq 1 ]
    [ "$1" = undone ] || [ -z "$(b images -q made)" ] || b rmi made
}

volume_create_prepare() { :; }
volume_create_act() { b volume create vol; }
volume_create_after() {
    [ "$1" != undone ] || [ -z "$(b volume ls -q)" ]
    [ "$1" != done ] || [ -d "$T/data/volumes/vol/_data" ]
}

volume_rm_prepare() {
    b volume create vol >/dev/null
    echo data >"$T/data/volumes/vol/_data/f"
}
volume_rm_act() { b volume rm vol; }
volume_rm_after() {
    [ "$1" = undone ] || [ -z "$(b volume ls -q)" ] || [ "$(cat "$T/data/volumes/vol/_data/f")" = data ]
    [ "$1" != undone ] || [ "$(cat "$T/data/volumes/vol/_data/f")" = data ]
    [ "$1" != done ] || [ ! -e "$T/data/volumes/vol" ]
}

volume_prune_prepare() {
    b volume create named >/dev/null
    b volume create >/dev/null
}
volume_prune_act() { b volume prune -f && [ "$(b volume ls -q)" = named ]; }
volume_prune_after() {
    [ "$1" != undone ] || [ "$(b volume ls -q | wc -l)" -eq 2 ]
    [ "$1" = undone ] || b volume prune -f >/dev/null
    [ "$1" = undone ] || [ "$(b volume ls -q)" = named ]
}

reload_prepare() {
    slow
    cp "$T/daemon.conf" "$T/was.conf"
    echo 'labels = [ "new=1" ];' >>"$T/daemon.conf"
}
reload_act() { b config reload; }
reload_after() {
    [ "$1" != undone ] || [ "$(b info --format '{{json .Labels}}')" != '["new=1"]' ]
    [ "$1" = undone ] || [ "$(b info --format '{{json .Labels}}')" = '["new=1"]' ]
    [ "$(b exec box echo in)" = in ]
    [ "$1" = undone ] || mv "$T/was.conf" "$T/daemon.conf"
    [ "$1" = undone ] || b config reload >/dev/null
}

# --- starts of the daemon: there is no client then

startup_prepare() {
    b run -d --name live -p 18081:80 -v named:/data busybox sleep 1000 >/dev/null
    b run -d --name dies --restart on-failure:3 -p 18082:80 busybox sh -c 'sleep 1000; exit 3' >/dev/null
    b run -d --name gone -v /anon busybox sleep 1000 >/dev/null
    local p shim
    p=$(init_pid dies)
    shim=$(awk '/^PPid/ { print $2 }' "/proc/$(init_pid gone)/status")
    was=$(init_pid live)
    daemon_kill
    kill -KILL "$p" "$shim"
}
startup_after() {
    [ "$(field live '{{.State.Status}}')" = running ]
    [ "$(init_pid live)" = "$was" ]
    [ "$(field dies '{{.RestartCount}}')" -ge 1 ]
    [ "$(field gone '{{.State.Status}} {{.State.ExitCode}}')" = "exited 137" ]
    b rm -fv live dies gone
    b volume rm named
}

fresh_prepare() { :; }
fresh_after() {
    [ -z "$(names)$(b images -q)$(b volume ls -q)" ]
    daemon_stop
    rm -rf "$T/data" "$T/run"
}

start_everywhere() { # start_everywhere startup|fresh [first]
    local n a list
    "$1_prepare"
    [ "$1" = fresh ] && [ -d "$T/data" ] && daemon_stop && rm -rf "$T/data" "$T/run"
    local from
    from=$(wc -l <"$T/berthd.log")
    arm '*=trace'
    daemon_start
    disarm
    tail -n +$((from + 1)) "$T/berthd.log" | sed -nE 's/.*failpoint ([a-z.-]+) ([0-9]+): trace.*/\2 \1/p' | sort -n | cut -d' ' -f2 >"$T/trace"
    [ -s "$T/trace" ]
    "$1_after"
    mapfile -t list < <(chosen start "$1" "${2:-all}")
    for n in "${list[@]}"; do
        for a in crash ENOSPC; do
            echo "# $1: $a at $n"
            "$1_prepare"
            arm "*=$a" "${n% *}"
            daemon_start 2>/dev/null || :
            disarm
            ! daemon_lives || daemon_kill
            daemon_start
            eventually 10 clean
            "$1_after"
        done
    done
    daemon_lives || daemon_start
}
