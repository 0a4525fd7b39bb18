#!/usr/bin/env bash
# Makes the image fractal/mandelboxes/demo:current-build from Debian's static busybox and the files beside this script. Pulls nothing.
# Uses the engine at DOCKER_HOST. Does nothing when the image that is there was made from the same bytes.
# usage: mandelboxes/demo/build.sh [tag]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
image=${1:-fractal/mandelboxes/demo:current-build}
busybox=${BUSYBOX:-/bin/busybox}

if [ ! -x "$busybox" ] || [ -n "$(LC_ALL=C ldd "$busybox" 2>/dev/null | grep -v 'not a dynamic executable' || true)" ]; then
  echo "$busybox is not a static busybox: apt-get install busybox-static, or name one with BUSYBOX" >&2
  exit 1
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,dev,etc,proc,run,sys,tmp,fractal/resourceMappings,var/log}
install -m 0755 "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do
  [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"
done
install -m 0755 "$here"/rootfs/* "$root/bin/"
"$busybox" xxd -r -p <"$here/udp-answer.hex" >"$root/bin/udp-answer"
chmod 0755 "$root/bin/udp-answer"
if [ "$(uname -m)" != x86_64 ]; then
  rm "$root/bin/udp-answer"
  echo "this machine is $(uname -m): the demo's UDP port will not answer (udp-answer.hex is x86-64)" >&2
fi

# The same bytes make the same archive, whenever and by whomever it is made.
tar=(tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c .)
digest=$("${tar[@]}" | sha256sum | cut -d ' ' -f 1)
if [ "$(docker image inspect --format '{{ index .Config.Labels "demo.digest" }}' "$image" 2>/dev/null || true)" = "$digest" ]; then
  exit 0
fi

"${tar[@]}" | docker import --change 'CMD ["/bin/demo"]' --change 'ENV PATH=/bin' --change "LABEL demo.digest=$digest" \
  --message 'mandelboxes/demo' - "$image" >/dev/null
echo "made $image"
