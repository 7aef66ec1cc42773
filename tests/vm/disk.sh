#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes what the VM tests boot: a Debian 12 root disk, its cloud kernel (6.1) and an initramfs that only finds the disks.
#
#   sh tests/vm/disk.sh DIR     makes DIR/{root.img,vmlinuz,initrd} unless they are there already
#
# BERTH_MIRROR: the Debian mirror (default: debootstrap's). The tests never write to root.img: remove it for a fresh one.
set -eu
dir=${1:?usage: disk.sh DIR}
packages=linux-image-cloud-amd64,apparmor,kmod,bats,busybox-static,python3,curl,jq,socat,iproute2,procps,util-linux,nftables,sqlite3
packages=$packages,openssl,netcat-openbsd,bsdextrautils,ca-certificates,gcc,libc6-dev
key=$(cat "$0" | cksum)
[ "$(cat "$dir/key" 2>/dev/null)" != "$key" ] || exit 0

mkdir -p "$dir"
rm -rf --one-file-system "$dir/root" "$dir/ram" "$dir/key"
debootstrap --variant=minbase --include="$packages" bookworm "$dir/root" ${BERTH_MIRROR:-} >"$dir/debootstrap.log" 2>&1 || {
    tail -5 "$dir/debootstrap.log" >&2
    exit 1
}
rm -rf "$dir/root/var/cache/apt/archives" "$dir/root/var/lib/apt/lists" "$dir/root/usr/share/doc" "$dir/root/usr/share/locale"
cp "$dir"/root/boot/vmlinuz-* "$dir/vmlinuz"
release=$(ls "$dir/root/lib/modules")

# The modules that the disks need, in the order in which they can be loaded.
mkdir -p "$dir/ram/bin" "$dir/ram/mod" "$dir/ram/dev" "$dir/ram/proc" "$dir/ram/sys" "$dir/ram/root"
cp "$dir/root/bin/busybox" "$dir/ram/bin/busybox"
for m in virtio_pci virtio_blk; do
    chroot "$dir/root" modprobe -S "$release" --show-depends "$m"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$dir/modules"
n=100
while read -r m; do
    n=$((n + 1))
    cp "$dir/root$m" "$dir/ram/mod/$n.ko"
done <"$dir/modules"
cat >"$dir/ram/init" <<'EOF'
#!/bin/busybox sh
/bin/busybox --install -s /bin
PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
for m in /mod/*.ko; do insmod "$m"; done
mount -t ext4 /dev/vda /root && mount -t ext4 -o ro /dev/vdb /root/mnt || poweroff -f
mount --move /dev /root/dev
umount /proc
exec switch_root /root /mnt/init
EOF
chmod 755 "$dir/ram/init"
(cd "$dir/ram" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$dir/initrd"

rm -f "$dir/root.img"
truncate -s 4G "$dir/root.img"
mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$dir/root" "$dir/root.img"
rm -rf --one-file-system "$dir/root" "$dir/ram"
echo "$key" >"$dir/key"
