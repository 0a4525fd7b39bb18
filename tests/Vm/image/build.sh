#!/bin/bash
# build.sh CACHE: makes the VM's disk, kernel and initrd from Debian packages alone, below CACHE, once for each state of
# this folder. Prints the folder that holds root.img, vmlinuz and initrd.img. Needs root and mmdebstrap; no network but the Debian mirror.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=$(mkdir -p "$1" && cd "$1" && pwd)
source "$here/recipe.sh"

key=$(cd "$here" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16)
image=$cache/$key
[ -e "$image/root.img" ] && { echo "$image"; exit 0; }

work=$(mktemp -d "$cache/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT
root=$work/root

excludes=()
for path in "${excluded_paths[@]}"; do excludes+=(--dpkgopt="path-exclude=$path"); done

echo "making the VM image ($suite, ${#packages[@]} packages): about 75 s, once" >&2
mmdebstrap --mode=root --variant=minbase --quiet \
  --include="$(IFS=,; echo "${packages[*]}")" \
  --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io "${excludes[@]}" \
  --essential-hook='mkdir -p "$1/etc/initramfs-tools/conf.d"' \
  --essential-hook='printf "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\nRESUME=none\n" >"$1/etc/initramfs-tools/conf.d/vm"' \
  --essential-hook="printf '%s\n' ${initrd_modules[*]} >\"\$1/etc/initramfs-tools/modules\"" \
  --customize-hook="$here/customize.sh \"\$1\" $here" \
  "$suite" "$root" >&2

cp "$root"/boot/vmlinuz-* "$work/vmlinuz"
cp "$root"/boot/initrd.img-* "$work/initrd.img"
rm -f "$root"/boot/vmlinuz-* "$root"/boot/initrd.img-*
mkfs.ext4 -q -L root -O ^has_journal -E lazy_itable_init=1,nodiscard -d "$root" "$work/root.img" "$image_size"
rm -rf "$root"

mkdir -p "$image"
mv "$work/vmlinuz" "$work/initrd.img" "$image"
mv "$work/root.img" "$image/root.img"
# Images of earlier recipes are of no use to anybody.
find "$cache" -mindepth 1 -maxdepth 1 -type d ! -name "$key" ! -name '.making.*' -exec rm -rf {} +
echo "$image"
