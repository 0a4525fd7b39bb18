# shellcheck shell=bash
# Makes images of directories, in the engine at DOCKER_HOST. Read by the build.sh of each image with "source"; set -euo pipefail is theirs.

# Where the image's files go before it is made; removed when the script ends.
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

find_busybox() { # sets busybox
  busybox=${BUSYBOX:-/bin/busybox}
  if [ ! -x "$busybox" ] || [ -n "$(LC_ALL=C ldd "$busybox" 2>/dev/null | grep -v 'not a dynamic executable' || true)" ]; then
    echo "$busybox is not a static busybox: apt-get install busybox-static, or name one with BUSYBOX" >&2
    exit 1
  fi
}

put_hex() { # text with the bytes of a program in hex, where the program goes; needs neither an assembler nor xxd
  printf %b "$(sed 's/../\\x&/g' "$1" | tr -d '\n')" >"$2"
  chmod 0755 "$2"
}

encode() { # text, for the query of a URL
  local i c
  for ((i = 0; i < ${#1}; i++)); do
    c=${1:i:1}
    case $c in
      [a-zA-Z0-9._~-]) printf %s "$c" ;;
      *) printf '%%%02X' "'$c" ;;
    esac
  done
}

# The image is made of what is in $root. Nothing is done when the one that is there was made from the same bytes; the label says from which.
import() { # name:tag, label for the digest, instructions of a Dockerfile that are no part of the digest…
  local image=$1 label=$2 host=${DOCKER_HOST:-unix:///var/run/docker.sock} engine digest changes='' answer change
  local -a tar ask
  shift 2

  # The same bytes make the same archive, whenever and by whomever it is made.
  tar=(tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c .)
  digest=$("${tar[@]}" | sha256sum | cut -d ' ' -f 1)

  case $host in
    unix://*) ask=(curl -sS --unix-socket "${host#unix://}") engine=http://engine ;;
    tcp://*) ask=(curl -sS) engine=http://${host#tcp://} ;;
    *) echo "DOCKER_HOST is $host: this script speaks to unix:// and tcp:// only" >&2; exit 1 ;;
  esac
  "${ask[@]}" -f "$engine/_ping" >/dev/null || { echo "no engine answers at $host" >&2; exit 1; }

  if "${ask[@]}" "$engine/images/$image/json" | grep -q "\"$label\":\"$digest\""; then
    return 0
  fi

  for change in "$@" "LABEL $label=$digest"; do
    changes+="&changes=$(encode "$change")"
  done
  answer=$("${tar[@]}" | "${ask[@]}" -X POST -H 'Content-Type: application/x-tar' --data-binary @- \
    "$engine/images/create?fromSrc=-&repo=${image%:*}&tag=${image##*:}$changes")
  case $answer in
    *'"status":"sha256:'*) echo "made $image" ;;
    *) echo "the engine did not make $image: $answer" >&2; exit 1 ;;
  esac
}
