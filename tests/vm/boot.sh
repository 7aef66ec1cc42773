#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Boots the disk of disk.sh in qemu, without KVM, and runs bats files in it.
#
#   sh tests/vm/boot.sh DIR PREFIX FILE...    prints their TAP
#
# FILEs are paths below the repository's tests directory. The installed engine stands in the machine under the same PREFIX. What the kernel
# says goes to DIR/console.log. BERTH_VM_SECONDS: how long it may take (default 480).
set -eu
tests=$(cd "$(dirname "$0")/.." && pwd)
dir=$1 prefix=$2
shift 2

stage=$dir/stage
rm -rf --one-file-system "$stage"
mkdir -p "$stage/prefix" "$stage/tests"
cp -a "$prefix/." "$stage/prefix"
cp -a "$tests/lib" "$tests/system" "$tests/vm" "$stage/tests"
cp "$tests/vm/init" "$stage/init"
chmod 755 "$stage/init"
echo "$prefix" >"$stage/prefix.path"
printf '%s\n' "$@" >"$stage/files"
rm -f "$dir/tests.img"
truncate -s 128M "$dir/tests.img"
mke2fs -q -F -t ext4 -O ^has_journal -d "$stage" "$dir/tests.img"
rm -rf --one-file-system "$stage"

: >"$dir/tap.log"
timeout -k 5 "${BERTH_VM_SECONDS:-480}" qemu-system-x86_64 -M pc -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -nodefaults \
    -display none -no-reboot -nic none -kernel "$dir/vmlinuz" -initrd "$dir/initrd" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on" \
    -drive "file=$dir/root.img,format=raw,if=virtio,snapshot=on" \
    -drive "file=$dir/tests.img,format=raw,if=virtio,snapshot=on" \
    -serial "file:$dir/console.log" -serial "file:$dir/tap.log" </dev/null >"$dir/qemu.log" 2>&1 || :
tr -d '\r' <"$dir/tap.log"
grep -q '^# the end' "$dir/tap.log" || {
    echo "not ok 999 the machine ended before its tests did"
    tail -20 "$dir/qemu.log" "$dir/console.log" | tr -d '\r' | sed 's/^/# /'
}
