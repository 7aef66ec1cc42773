#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Boots the disk of disk.sh in qemu, without KVM, and runs bats files in it.
#
#   sh tests/vm/boot.sh DIR PREFIX FILE...    prints their TAP, each file's after a line "# file FILE SECONDS"
#   sh tests/vm/boot.sh DIR PREFIX --shell    a root shell in it, to look around; poweroff -f ends it
#
# FILEs are paths below the repository's tests directory; FILE:TAG runs only the tests that have this tag. The installed engine stands in
# the machine under the same PREFIX. What the kernel says goes to DIR/console.log. BERTH_VM_SECONDS: how long it may take (default 570).
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
dir=$1 prefix=$2
shift 2

stage=$dir/stage
rm -rf --one-file-system "$stage"
mkdir -p "$stage/prefix" "$stage/tests"
cp -a "$prefix/." "$stage/prefix"
cp -a "$tests/lib" "$tests/system" "$tests/vm" "$stage/tests"
[ ! -e "${BERTH_WORK:-}/busybox.tar" ] || cp "$BERTH_WORK/busybox.tar" "$stage"
# The libraries that the engine is linked with, but libc's own: the machine has that, and not all of these.
mkdir -p "$stage/libs"
find "$prefix/bin" "$prefix/libexec" "$prefix/lib" -type f \( -perm -100 -o -name '*.so' \) -exec ldd {} + 2>/dev/null |
    awk '$2 == "=>" && $3 ~ /^\// && $1 !~ /^(libc|libm|libdl|libpthread|librt|libgcc_s|libresolv)\.so/ && !seen[$1]++ { print $3 }' |
    xargs -r cp -L -t "$stage/libs"
cp "$tests/vm/init" "$stage/init"
chmod 755 "$stage/init"
echo "$prefix" >"$stage/prefix.path"
serial=file:$dir/tap.log
if [ "$1" = --shell ]; then
    serial=stdio
    : >"$stage/shell"
else
    printf '%s\n' "$@" >"$stage/files"
fi
rm -f "$dir/tests.img"
truncate -s 256M "$dir/tests.img"
mke2fs -q -F -t ext4 -O ^has_journal -d "$stage" "$dir/tests.img"
rm -rf --one-file-system "$stage"

set -- qemu-system-x86_64 -M pc -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nodefaults \
    -display none -no-reboot -nic none -kernel "$dir/vmlinuz" -initrd "$dir/initrd" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on" \
    -drive "file=$dir/root.img,format=raw,if=virtio,snapshot=on" \
    -drive "file=$dir/tests.img,format=raw,if=virtio,snapshot=on" \
    -serial "file:$dir/console.log" -serial "$serial"
[ "$serial" != stdio ] || exec "$@"

: >"$dir/tap.log"
timeout -k 5 "${BERTH_VM_SECONDS:-570}" "$@" </dev/null >"$dir/qemu.log" 2>&1 || :
tr -d '\r' <"$dir/tap.log"
grep -q '^# the end' "$dir/tap.log" || {
    echo "# file vm/boot ${BERTH_VM_SECONDS:-570}"
    echo "not ok 999 the machine ended before its tests did"
    tail -n 20 "$dir/qemu.log" "$dir/console.log" | tr -d '\r' | sed 's/^/# /'
}
