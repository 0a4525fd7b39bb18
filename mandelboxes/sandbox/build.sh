#!/usr/bin/env bash
# Makes the image fractal/mandelboxes/sandbox:current-build from pause.hex, on another processor than x86-64 from Debian's static busybox and
# pause.sh. Pulls nothing. Uses the engine at DOCKER_HOST. Does nothing when the image that is there was made from the same bytes.
# usage: mandelboxes/sandbox/build.sh [tag]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=mandelboxes/import.sh
source "$here/../import.sh"

if [ "$(uname -m)" = x86_64 ]; then
  put_hex "$here/pause.hex" "$root/pause"
else
  find_busybox
  install -m 0755 "$busybox" "$root/busybox"
  install -m 0755 "$here/pause.sh" "$root/pause"
fi
# It becomes the root directory, which any user of the container may enter.
chmod 0755 "$root"

import "${1:-fractal/mandelboxes/sandbox:current-build}" sandbox.digest 'CMD ["/pause"]'
