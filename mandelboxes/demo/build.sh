#!/usr/bin/env bash
# Makes the image fractal/mandelboxes/demo:current-build from Debian's static busybox and the files beside this script. Pulls nothing.
# Uses the engine at DOCKER_HOST. Does nothing when the image that is there was made from the same bytes.
# usage: mandelboxes/demo/build.sh [tag]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=mandelboxes/import.sh
source "$here/../import.sh"

find_busybox
mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp,fractal/resourceMappings,var/log}
install -m 0755 "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do
  [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
install -m 0755 "$here"/rootfs/* "$root/bin/"
if [ "$(uname -m)" = x86_64 ]; then
  put_hex "$here/udp-answer.hex" "$root/bin/udp-answer"
else
  echo "this machine is $(uname -m): the demo's UDP port will not answer (udp-answer.hex is x86-64)" >&2
fi

import "${1:-fractal/mandelboxes/demo:current-build}" demo.digest 'CMD ["/bin/demo"]' 'ENV PATH=/bin'
