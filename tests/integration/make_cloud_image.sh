#!/bin/sh
# Makes a cloud image as Debian's own are: GPT, EFI system partition with shim and GRUB, systemd, cloud-init, OpenSSH, no
# host keys. For ARM_CI_CLOUD_IMAGE where a publisher's image cannot be downloaded; 20 minutes, most of them emulation.
# usage, as root: sh make_cloud_image.sh OUT.qcow2
# Needs: mmdebstrap qemu-user-static binfmt-support arch-test e2fsprogs dosfstools mtools fdisk qemu-utils
set -eu
out=${1:?usage: make_cloud_image.sh OUT.qcow2}
suite=${SUITE:-bookworm}
uuid=$(cat /proc/sys/kernel/random/uuid)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

mmdebstrap --mode=root --arch=arm64 --variant=minbase --aptopt='Apt::Install-Recommends "false"' \
    --include=systemd-sysv,systemd-resolved,libnss-resolve,dbus,udev,linux-image-cloud-arm64,initramfs-tools \
    --include=grub-efi-arm64-signed,shim-signed,cloud-init,cloud-guest-utils,netplan.io,openssh-server,sudo \
    --include=ca-certificates,iproute2,procps \
    "$suite" "$root"

# What belongs to one machine only.
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/hostname" "$root/etc/resolv.conf"
: >"$root/etc/machine-id"
ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
echo 'LANG=C.UTF-8' >"$root/etc/default/locale"
echo "UUID=$uuid / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1" >"$root/etc/fstab"
version=$(basename "$root"/boot/vmlinuz-*)
version=${version#vmlinuz-}
mkdir -p "$root/boot/grub"
cat >"$root/boot/grub/grub.cfg" <<EOF
set timeout=0
menuentry Debian {
  linux /boot/vmlinuz-$version root=UUID=$uuid ro console=ttyAMA0
  initrd /boot/initrd.img-$version
}
EOF

esp=$work/esp
truncate -s 124M "$esp"
mkfs.vfat -n ESP "$esp" >/dev/null
mmd -i "$esp" ::EFI ::EFI/BOOT ::EFI/debian
mcopy -i "$esp" "$root/usr/lib/shim/shimaa64.efi.signed" ::EFI/BOOT/BOOTAA64.EFI
mcopy -i "$esp" "$root/usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed" ::EFI/BOOT/grubaa64.efi
cat >"$work/grub.cfg" <<EOF
search.fs_uuid $uuid root
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
EOF
mcopy -i "$esp" "$work/grub.cfg" ::EFI/debian/grub.cfg

mebibytes=2500
truncate -s ${mebibytes}M "$work/ext4"
mke2fs -q -t ext4 -U "$uuid" -d "$root" "$work/ext4"

disk=$work/disk
truncate -s $((mebibytes + 127))M "$disk"
sfdisk -q "$disk" <<EOF
label: gpt
start=1MiB, size=124MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=126MiB, size=${mebibytes}MiB, type=B921B045-1DF0-41C3-AF44-4C6F280D3FAE
EOF
dd if="$esp" of="$disk" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/ext4" of="$disk" bs=1M seek=126 conv=notrunc,sparse status=none
qemu-img convert -c -O qcow2 "$disk" "$out"
