#!/bin/bash
# nvidia-driver.sh: installs the GRID driver from an installer of NVIDIA's, NVIDIA-Linux-x86_64-<version>-grid….run.
#   NVIDIA_DRIVER_SOURCE     s3://…, https://… or a file
#   NVIDIA_DRIVER_VERSION    the version that the mandelboxes' images carry: its libraries work with the kernel module of the same version only
#   NVIDIA_DRIVER_SHA256     of the installer; empty: not checked
set -euo pipefail
: "${NVIDIA_DRIVER_SOURCE:?where the installer is}" "${NVIDIA_DRIVER_VERSION:?the version that the images carry}"
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
installer=$directory/driver.run

case $NVIDIA_DRIVER_SOURCE in
  s3://*)
    # A public bucket, such as AWS's own with these drivers, refuses credentials that do not name it.
    aws s3 cp --only-show-errors "$NVIDIA_DRIVER_SOURCE" "$installer" || aws s3 cp --only-show-errors --no-sign-request "$NVIDIA_DRIVER_SOURCE" "$installer"
    ;;
  https://*) curl -fsSL -o "$installer" "$NVIDIA_DRIVER_SOURCE" ;;
  *) cp "$NVIDIA_DRIVER_SOURCE" "$installer" ;;
esac
[ -z "${NVIDIA_DRIVER_SHA256:-}" ] || echo "$NVIDIA_DRIVER_SHA256  $installer" | sha256sum --check --quiet

sh "$installer" --silent --dkms
version=$(modinfo -F version nvidia)
[ "$version" = "$NVIDIA_DRIVER_VERSION" ] \
  || { echo "nvidia-driver.sh: the installer's version is $version and not $NVIDIA_DRIVER_VERSION, which the images carry" >&2; exit 1; }
