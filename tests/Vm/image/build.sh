#!/bin/bash
# build.sh CACHE: makes the VM's disk, kernel and initrd from Debian packages alone, below CACHE, once for each state of this folder.
# Prints the folder that holds root.img, vmlinuz and initrd.img. Needs root, mmdebstrap and mkfs.ext4; no network but the Debian mirror.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$(mkdir -p "$1" && cd "$1" && pwd)
suite=bookworm

# The kernel with every driver (the cloud kernel has no uinput), systemd as init, the engine, and the little that the tests call.
packages=(
  linux-image-amd64 initramfs-tools zstd
  systemd systemd-sysv dbus udev kmod procps
  iproute2 iptables openssh-server
  docker.io apparmor busybox-static fuse3 bindfs
  python3 curl
)

# Drivers for hardware that q35 does not have: they would be most of the image and of the time to make it.
excluded=()
for path in drivers/{gpu,media,infiniband,iio,staging,scsi,isdn,hwmon,usb,mtd,net/wireless,net/ethernet} sound fs/{xfs,btrfs,ocfs2}; do
  excluded+=(--dpkgopt="path-exclude=/lib/modules/*/kernel/$path/*")
done
for path in doc man info locale; do excluded+=(--dpkgopt="path-exclude=/usr/share/$path/*"); done

key=$(cd "$here" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-16)
image=$cache/$key
if [ -e "$image/root.img" ]; then echo "$image"; exit 0; fi

work=$(mktemp -d "$cache/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

# The initrd holds what finds the root file system; udev loads the rest. The single quotes are for mmdebstrap's shell, which knows $1.
# shellcheck disable=SC2016
mmdebstrap --mode=root --variant=minbase --quiet --include="$(IFS=,; echo "${packages[*]}")" \
  --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io "${excluded[@]}" \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
  --essential-hook='printf "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\nRESUME=none\n" >"$1/etc/initramfs-tools/conf.d/vm"' \
  --essential-hook='printf "%s\n" virtio_pci virtio_blk ext4 crc32c_generic >"$1/etc/initramfs-tools/modules"' \
  --customize-hook="$here/customize.sh \"\$1\" $here" \
  "$suite" "$root" >&2

cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/initrd.img"
rm -f "$root"/boot/vmlinuz-* "$root"/boot/initrd.img-*
mkfs.ext4 -q -L root -O ^has_journal -E lazy_itable_init=1,nodiscard -d "$root" "$work/root.img" 2000M >&2

mkdir -p "$image"
mv "$work/vmlinuz" "$work/initrd.img" "$image"
mv "$work/root.img" "$image"
# Images of earlier recipes are of no use to anybody.
find "$cache" -mindepth 1 -maxdepth 1 -type d ! -name "$key" ! -name '.making.*' -exec rm -rf {} +
echo "$image"
