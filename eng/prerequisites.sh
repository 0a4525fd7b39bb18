#!/usr/bin/env bash
# Installs what is missing on a Debian or Ubuntu machine, saying what and why; asks nothing. This is the one list of such things.
# usage: eng/prerequisites.sh run|test|vm|lint
# Where it cannot install (no apt, no root, no network) it says what will not work and still ends with 0: tests that need the missing thing
# skip themselves with a reason. Only "run" needs its whole list, and ends with 1 without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scope=${1:?usage: eng/prerequisites.sh run|test|vm|lint}

# scopes | there when this command or file is there | Debian package | what for
needs='run,test|dockerd|docker.io|the engine that runs mandelboxes
run,test|docker|docker.io|loading the demo image
run,test|/bin/busybox|busybox-static|the whole content of the demo image
run,test|curl|curl|asking an engine whether it answers
test|ip|iproute2|a bridge for the engine of the tests, network namespaces
test|ss|iproute2|seeing what the service listens on
test|iptables|iptables|the firewall, in a network namespace
test|ps|procps|seeing what other processes could see
test|openssl|openssl|reading our encrypted user configs with the original programs, and theirs with ours
test|lz4|lz4|the same, for compression
test|rclone|rclone|cloud storage inside a mandelbox
test|fusermount3|fuse3|the same, mounted by an ordinary process
test|apparmor_parser|apparmor|checking and loading the mandelbox profile
test|cc|gcc|compiling the fake GPU library
test|/usr/include/stdio.h|libc6-dev|the same
test|python3|python3|packets as a container could make them; running what the AMI does to the settings of Docker
test|jq|jq|running what the AMI does to the settings of the service
test|packer|packer|validating the template of the AMI
test|/usr/lib/postgresql/*/bin/postgres|postgresql|a throw-away database
test|node|nodejs|the S3 server below
test|npm|npm|installing it
vm|qemu-system-x86_64|qemu-system-x86|a machine that has every kernel interface
vm|mmdebstrap|mmdebstrap|its disk
vm|mkfs.ext4|e2fsprogs|the same
vm|ssh|openssh-client|working inside it
lint|shellcheck|shellcheck|checking our scripts'

# scopes | npm package, exact version | what for; installed below .cache/npm
npm_needs='test|s3rver@3.7.1|an S3 server to test user configs against'

in_scope() { case ",$1," in *",$scope,"*) return 0 ;; *) return 1 ;; esac; }

present() {
  case $1 in
    /*) compgen -G "$1" >/dev/null ;;
    *) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null ;;
  esac
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

missing=()
while IFS='|' read -r scopes probe package why; do
  if in_scope "$scopes" && ! present "$probe"; then
    echo "missing: $package ($why)"
    missing+=("$package")
  fi
done <<<"$needs"

if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  reason=
  if ! command -v apt-get >/dev/null; then
    reason='there is no apt-get here; install them with your own package manager'
  elif [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
    reason="neither root nor sudo without a password; run: sudo apt-get install ${missing[*]}"
  else
    echo "installing: ${missing[*]}"
    log=$(mktemp)
    install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1; }
    if ! install "${missing[@]}"; then
      as_root apt-get update -qq -o DPkg::Lock::Timeout=300 >>"$log" 2>&1 || true
      if ! install "${missing[@]}"; then
        # One package that this release does not have must not cost the others.
        for package in "${missing[@]}"; do
          install "$package" || { reason="apt-get could not install $package: $(grep -E '^(E|W):' "$log" | head -n 1)"; echo "$reason" >&2; }
        done
      fi
    fi
    rm -f "$log"
  fi
  [ -z "$reason" ] || echo "not installed: $reason. What needs them will be skipped." >&2
fi

while IFS='|' read -r scopes package why; do
  in_scope "$scopes" || continue
  [ ! -d ".cache/npm/node_modules/${package%@*}" ] || continue
  if ! command -v npm >/dev/null; then
    echo "not installed: $package ($why): there is no npm. Its tests will be skipped." >&2
  else
    echo "installing below .cache/npm: $package ($why)"
    mkdir -p .cache/npm
    npm install --silent --no-audit --no-fund --prefix .cache/npm "$package" >/dev/null || echo "not installed: $package. Its tests will be skipped." >&2
  fi
done <<<"$npm_needs"

if [ "$scope" = run ]; then
  while IFS='|' read -r scopes probe package why; do
    if in_scope "$scopes" && ! present "$probe"; then
      echo "cannot go on without $package ($why)" >&2
      exit 1
    fi
  done <<<"$needs"
fi
