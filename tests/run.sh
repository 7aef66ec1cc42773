#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds berth and runs its tests: what CI runs.
#
#   sh tests/run.sh            unit tests under ASan and UBSan, system, compat and security tests on the real binaries
#   sh tests/run.sh --vm       also the vm tier: control groups v2 on Debian's kernel 6.1, in qemu (under 10 minutes)
#   sh tests/run.sh --full     also the long tier: soaks, the bare-machine test, TSan, the whole system suite with renamed drivers
#   sh tests/run.sh --deps     only installs what is missing
#   sh tests/run.sh --only P   only test files whose path contains P (repeatable)
#
# Installs missing Debian packages when it runs as root with apt-get; otherwise names them and exits 2.
# BERTH_TEST_DIR: where to build and work (default: a directory below /var/tmp).
set -eu
cd "$(dirname "$0")/.."
top=$PWD
work=${BERTH_TEST_DIR:-/var/tmp/berth-tests}
full=no vm=no deps_only=no only=
while [ $# -gt 0 ]; do
    case $1 in
    --full) full=yes ;;
    --vm) vm=yes ;;
    --deps) deps_only=yes ;;
    --only) only="$only $2" && shift ;;
    *) sed -n 3,13p "$0" && exit 2 ;;
    esac
    shift
done

build_packages="meson ninja-build pkg-config gcc libc6-dev libconfig-dev libjansson-dev libnl-3-dev libnl-route-3-dev
    libarchive-dev libncurses-dev scdoc libsqlite3-dev libgnutls28-dev libhttp-parser-dev nettle-dev zlib1g-dev libseccomp-dev libcap-dev nftables
    ca-certificates"
test_packages="make libcmocka-dev clang-format bats busybox-static python3 python3-docker curl jq socat iproute2 procps util-linux debootstrap
    sqlite3 openssl netcat-openbsd bsdextrautils rsyslog rsyslog-gnutls"

missing() {
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || printf '%s ' "$p"
    done
}

install_deps() {
    # shellcheck disable=SC2086
    need=$(missing $build_packages $test_packages)
    [ -n "$need" ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Missing Debian packages: $need" >&2
        exit 2
    fi
    echo "== installing: $need"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $need; } >"$work/apt.log" 2>&1 || {
        tail -20 "$work/apt.log" >&2
        exit 2
    }
}

mkdir -p "$work"
install_deps
[ $deps_only = no ] || exit 0

passed=0 failed=0 skipped=0
skips=$work/skips.txt failures=$work/failures.txt
: >"$skips"
: >"$failures"

skip() {
    skipped=$((skipped + 1))
    echo "$*" >>"$skips"
}

wanted() {
    [ -n "$only" ] || return 0
    for o in $only; do
        case $1 in *"$o"*) return 0 ;; esac
    done
    return 1
}

build() { # build DIR OPTION...
    b=$work/$1
    shift
    if [ -e "$b/build.ninja" ]; then
        meson configure "$b" "$@" >/dev/null
    else
        meson setup "$b" "$top" "$@" >"$work/meson.log" 2>&1 || {
            tail -30 "$work/meson.log"
            exit 1
        }
    fi
    ninja -C "$b" >"$b.log" 2>&1 || {
        grep -E 'error|warning|FAILED' "$b.log" | head -40
        echo "build of $b failed: see $b.log"
        exit 1
    }
}

install_into() { # install_into BUILD PREFIX
    rm -rf "${2:?}"
    meson install -C "$work/$1" --no-rebuild >"$work/install.log" 2>&1 || {
        tail -20 "$work/install.log"
        exit 1
    }
}

# Reads TAP on stdin, shows what is not ok, counts.
count_tap() {
    label=$1
    awk -v label="$1" -v skips="$skips" -v failures="$failures" '
        /^ok .*# skip/ { s++; sub(/^ok [0-9]+ /, ""); print label ": " $0 >>skips; next }
        /^ok / { p++; next }
        /^not ok / { f++; bad = 1; print; print label ": " $0 >>failures; next }
        /^#/ { if (bad) print; next }
        { bad = 0 }
        END { print p + 0, f + 0, s + 0 > "'"$work/counts"'" }'
    read -r p f s <"$work/counts"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    echo "   $label: $p passed, $f failed, $s skipped"
}

run_unit() { # run_unit LABEL BUILD OPTION...: the unit tests under a sanitizer. TSan is slow.
    label=$1 into=$2 patience=1
    [ "$label" != tsan ] || patience=2
    shift 2
    build "$into" -Dprefix="$work/$into-root" -Db_lundef=false -Dfailpoints=true "$@"
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        TSAN_OPTIONS="exitcode=66:second_deadlock_stack=1" \
        meson test -C "$work/$into" --no-rebuild --num-processes 2 --timeout-multiplier "$patience" --suite unit --print-errorlogs >"$work/$label.log" 2>&1 || :
    # A line of JSON a test.
    sed -nE 's/.*"name": "([^"]*)".*"result": "([A-Z]*)".*/\1 \2/p' "$work/$into/meson-logs/testlog.json" |
        awk '{ n++; print ($2 == "OK" || $2 == "SKIP" ? "ok " : "not ok ") n " " $1 ($2 == "SKIP" ? " # skip" : "") }
             END { if (!n) print "not ok 1 no unit test ran" }' >"$work/$label.tap"
    grep -q '^not ok' "$work/$label.tap" && sed -n '/^=\+ /,$p' "$work/$label.log" | head -150
    count_tap "$label" <"$work/$label.tap"
}

run_bats() { # run_bats SUITE PREFIX DRIVER_PREFIX FILE...
    suite=$1 BERTH_PREFIX=$2 BERTH_DRIVER_PREFIX=$3 limit=900
    [ "$suite" != long ] || limit=3600
    export BERTH_PREFIX BERTH_DRIVER_PREFIX
    shift 3
    for file in "$@"; do
        wanted "$file" || continue
        start=$(date +%s)
        BERTH_WORK=$work timeout -k 10 "$limit" bats --tap "$file" >"$work/bats.tap" 2>&1 </dev/null ||
            grep -q '^not ok' "$work/bats.tap" || {
                echo "not ok 1 $file ended abnormally"
                tail -20 "$work/bats.tap" | sed 's/^/# /'
            } >>"$work/bats.tap"
        count_tap "$suite/$(basename "$file" .bats)${BERTH_DRIVER_PREFIX:+ ($BERTH_DRIVER_PREFIX)} ($(($(date +%s) - start)) s)" <"$work/bats.tap"
    done
}

# What runs in the machine, the longest first; FILE:TAG is the tests of FILE with this tag.
vm_files="system/run.bats system/crash.bats:vm system/restart.bats:vm system/ports.bats vm/v2.bats vm/apparmor.bats system/leaks.bats
    system/logs.bats system/config.bats system/verbs.bats:vm system/stats.bats:vm
    system/health.bats:vm"

# qemu is asked for only here: it is installed where that is possible, and without it the tier is left out.
vm_possible() {
    command -v qemu-system-x86_64 >/dev/null && return 0
    command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-system-x86 >>"$work/apt.log" 2>&1 || return 1
    command -v qemu-system-x86_64 >/dev/null
}

# Hands each file's part of what the machine printed to count_tap.
count_vm() {
    grep '^# file ' "$work/vm.tap" >"$work/vm.files"
    while read -r _ _ file seconds; do
        awk -v file="$file" '/^# file / { on = $3 == file; next } on' "$work/vm.tap" >"$work/bats.tap"
        count_tap "vm/$(basename "$file" .bats) ($seconds s)" <"$work/bats.tap"
    done <"$work/vm.files"
}

run_vm() {
    echo "== vm tier (control groups v2)"
    files=
    for f in $vm_files; do
        if wanted vm || wanted "tests/${f%%:*}"; then files="$files $f"; fi
    done
    [ -n "$files" ] || return 0
    if ! vm_possible; then
        skip "vm tier (control groups v2, kernel 6.1): qemu-system-x86 is missing"
        return 0
    fi
    busybox_made=$(BERTH_WORK=$work BERTH_PREFIX=$work/root bash -c '. tests/lib/berth.bash && busybox_tar')
    [ -s "$busybox_made" ]
    # shellcheck disable=SC2086
    if sh tests/vm/disk.sh "$work/vm"; then
        BERTH_WORK=$work sh tests/vm/boot.sh "$work/vm" "$work/root" $files >"$work/vm.tap" 2>&1 || :
    else
        printf '# file vm/disk 0\nnot ok 1 the disk of the machine is made\n' >"$work/vm.tap"
    fi
    count_vm
}

check_house() {
    echo "== house"
    find core sdk storage-drivers network-drivers log-drivers tests -name '*.[ch]' >"$work/sources.txt"
    clang-format --dry-run --Werror $(cat "$work/sources.txt") >"$work/format.txt" 2>&1 || :
    {
        if [ -s "$work/format.txt" ] || [ ! -s "$work/sources.txt" ]; then
            echo "not ok 1 clang-format agrees with every file"
            grep -o '^[^:]*:[0-9]*' "$work/format.txt" | sort -u | head -20 | sed 's/^/# /'
        else
            echo "ok 1 clang-format agrees with every file"
        fi
        if grep -rnE '"(overlay2?|vfs|json-file|syslog)"' --include='*.[ch]' core >"$work/names.txt"; then
            echo "not ok 2 core names no driver"
            sed 's/^/# /' "$work/names.txt"
        else
            echo "ok 2 core names no driver"
        fi
    } >"$work/house.tap"
    count_tap house <"$work/house.tap"
}

wanted house && check_house
if wanted unit; then
    echo "== unit tests (ASan, UBSan)"
    run_unit unit asan -Db_sanitize=address,undefined
fi
if [ $full = yes ] && wanted tsan; then
    echo "== unit tests (TSan)"
    run_unit tsan tsan -Db_sanitize=thread
elif wanted tsan; then
    skip "unit tests under TSan: --full"
fi

echo "== build for the system tests"
build plain -Dprefix="$work/root" -Dfailpoints=true
install_into plain "$work/root"
build renamed -Dprefix="$work/renamed-root" -Ddriver_prefix=t- -Dtests=false -Dfailpoints=true
install_into renamed "$work/renamed-root"

if [ "$(id -u)" != 0 ]; then
    skip "system, compat, security: need root"
else
    echo "== system tests"
    run_bats system "$work/root" "" tests/system/*.bats
    echo "== system tests, kernels that lack something"
    for lacking in 5.10 fsopen fsconfig-fd "fsopen clone3 close_range mount_setattr"; do
        export OLD_KERNEL="$lacking"
        run_bats "system ($lacking)" "$work/root" "" tests/system/run.bats
    done
    unset OLD_KERNEL
    echo "== compat tests"
    # The last of them judges what the others recorded.
    run_bats compat "$work/root" "" $(ls tests/compat/*.bats | grep -v /api-coverage) tests/compat/api-coverage.bats
    echo "== system tests, renamed drivers"
    if [ $full = yes ]; then
        run_bats system "$work/renamed-root" t- tests/system/*.bats
        echo "== long tier"
        run_bats long "$work/root" "" tests/long/*.bats
    else
        run_bats system "$work/renamed-root" t- tests/system/run.bats tests/system/ports.bats tests/system/logs.bats
        skip "the rest of the system suite with renamed drivers: --full"
        skip "long tier (bare machine, soaks): --full"
    fi
    if [ $vm = yes ]; then
        run_vm
    else
        skip "vm tier (control groups v2, kernel 6.1): --vm"
    fi
fi

echo
if [ -s "$failures" ]; then
    echo "Failed:"
    sed 's/^/  /' "$failures"
fi
if [ -s "$skips" ]; then
    echo "Skipped:"
    sed 's/^/  /' "$skips"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
