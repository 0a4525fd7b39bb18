#!/usr/bin/env bash
# Makes the image fractal/mandelboxes/demo:current-build from Debian's static busybox and the files beside this script. Pulls nothing.
# Uses the engine at DOCKER_HOST. Does nothing when the image that is there was made from the same bytes.
# usage: mandelboxes/demo/build.sh [tag]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
image=${1:-fractal/mandelboxes/demo:current-build}
busybox=${BUSYBOX:-/bin/busybox}
host=${DOCKER_HOST:-unix:///var/run/docker.sock}

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

case $host in
  unix://*) ask=(curl -sS --unix-socket "${host#unix://}") engine=http://engine ;;
  tcp://*) ask=(curl -sS) engine=http://${host#tcp://} ;;
  *) echo "DOCKER_HOST is $host: this script speaks to unix:// and tcp:// only" >&2; exit 1 ;;
esac
"${ask[@]}" -f "$engine/_ping" >/dev/null || { echo "no engine answers at $host" >&2; exit 1; }

if "${ask[@]}" "$engine/images/$image/json" | grep -q "\"demo.digest\":\"$digest\""; then
  exit 0
fi

changes="changes=CMD%20%5B%22%2Fbin%2Fdemo%22%5D&changes=ENV%20PATH%3D%2Fbin&changes=LABEL%20demo.digest%3D$digest"
answer=$("${tar[@]}" | "${ask[@]}" -X POST -H 'Content-Type: application/x-tar' --data-binary @- \
  "$engine/images/create?fromSrc=-&repo=${image%:*}&tag=${image##*:}&$changes")
case $answer in
  *'"status":"sha256:'*) echo "made $image" ;;
  *) echo "the engine did not make $image: $answer" >&2; exit 1 ;;
esac
