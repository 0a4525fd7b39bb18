#!/usr/bin/env bash
# Installs the packages that are missing on a Debian or Ubuntu machine, and says which and why. Asks nothing. The only list of packages.
# usage: eng/prerequisites.sh run|test|vm|lint|release
# Where it cannot install (no apt, no root, no network) it says what will not work and still ends with 0: tests that need the missing thing
# skip themselves with a reason. Only "run" needs its whole list, and ends with 1 without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scope=${1:?usage: eng/prerequisites.sh run|test|vm|lint|release}

# scopes | command or file that the package brings | Debian package | purpose
needs='run,test|dockerd|docker.io|the engine that runs mandelboxes
run,test|docker|docker.io|loading the demo image
run,test|/bin/busybox|busybox-static|the only content of the demo image
run,test|curl|curl|checking whether an engine answers
test|ip|iproute2|a bridge for the engine of the tests, network namespaces
test|ss|iproute2|checking what the service listens on
test|iptables|iptables|the firewall, in a network namespace
test|ps|procps|checking that command lines show no secrets
test|openssl|openssl|exchanging encrypted user configs with the original programs
test|lz4|lz4|exchanging compressed user configs with the original programs
test|rclone|rclone|cloud storage inside a mandelbox
test|fusermount3|fuse3|mounting cloud storage without root
test|apparmor_parser|apparmor|checking and loading the mandelbox profile
test|cc|gcc|compiling the fake GPU library
test|/usr/include/stdio.h|libc6-dev|compiling the fake GPU library
test|python3|python3|packets as a container could send them; running the scripts of the AMI that configure Docker
release|python3|python3|the bill of materials
test,release|dpkg-deb|dpkg|the package
test,release|lintian|lintian|checking the package
test|promtool|prometheus|checking the metrics, and the alerts on them, as Prometheus does
test|jq|jq|running the scripts of the AMI that configure the service
test|packer|packer|validating the template of the AMI
test|/usr/lib/postgresql/*/bin/postgres|postgresql|a temporary database
test|/usr/bin/chromium|chromium|looking at the ops page as a browser shows it
test|node|nodejs|the S3 server below
test|npm|npm|installing the S3 server
vm|qemu-system-x86_64|qemu-system-x86|the VM
vm|mmdebstrap|mmdebstrap|the disk of the VM
vm|mkfs.ext4|e2fsprogs|the disk of the VM
vm|ssh|openssh-client|running commands in the VM
lint|shellcheck|shellcheck|checking our scripts'

# scopes | npm package, exact version | purpose; installed below .cache/npm
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
    install() {
      as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
    }
    if ! install "${missing[@]}"; then
      as_root apt-get update -qq -o DPkg::Lock::Timeout=300 >>"$log" 2>&1 || true
      if ! install "${missing[@]}"; then
        # One by one: this release may lack one of them.
        for package in "${missing[@]}"; do
          if ! install "$package"; then
            reason="apt-get could not install $package: $(grep -E '^(E|W):' "$log" | head -n 1)"
            echo "$reason" >&2
          fi
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
    npm install --silent --no-audit --no-fund --prefix .cache/npm "$package" >/dev/null ||
      echo "not installed: $package. Its tests will be skipped." >&2
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
