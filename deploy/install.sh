#!/bin/bash
# install.sh install|uninstall: the host service on this machine, started with it by systemd.
#   PREFIX=/usr/local    where programs, unit, udev rule and sysctl settings go
#   SYSCONFDIR=/etc      where configuration and the AppArmor profile go
#   DESTDIR=             a root to install below, for making packages and images: then nothing is loaded or enabled
#   BINARY=build/host-service
#   FORCE=1              install although mandelboxes that run may lose their GPUs
# Configuration that is already there is kept, by install and by uninstall.
set -euo pipefail
cd "$(dirname "$0")"
prefix=${PREFIX:-/usr/local} sysconfdir=${SYSCONFDIR:-/etc} dest=${DESTDIR:-}
binary=${BINARY:-../build/host-service}
bin=$prefix/bin libexec=$prefix/libexec share=$prefix/share/host-service
units=$prefix/lib/systemd/system udev=$prefix/lib/udev/rules.d sysctl=$prefix/lib/sysctl.d modules=$prefix/lib/modules-load.d
installed=(
  "$bin/host-service" "$bin/host-service.old" "$libexec/host-service/host-service" "$libexec/host-service/firewall.sh" "$libexec/host-service/nvidia-devices.sh" "$share/README.md"
  "$units/host-service.service" "$units/host-service-firewall.service" "$units/host-service-gpu.service"
  "$units/host-service-relay.service" "$units/host-service-fleet.service" "$units/host-service-upgrade@.service" "$units/docker.service.d/host-service.conf"
  "$udev/90-fractal-input.rules" "$sysctl/60-host-service.conf" "$modules/host-service.conf" "$sysconfdir/apparmor.d/mandelbox-apparmor-profile"
)

fail() { echo "install.sh: $1" >&2; exit "${2:-1}"; }
live() { [ -z "$dest" ] && [ -d /run/systemd/system ]; }

put() { # mode, source, target
  install -D -m "$1" "$2" "$dest$3"
}

put_unit() {
  mkdir -p "$dest$units"
  sed -e "s|@BINDIR@|$bin|; s|@LIBEXECDIR@|$libexec|; s|@SYSCONFDIR@|$sysconfdir|; s|@SHAREDIR@|$share|" "systemd/$1" >"$dest$units/$1"
  chmod 644 "$dest$units/$1"
}

# Where systemd makes containers' cgroups, a reload takes the GPUs from those that run. Enabling and disabling units reloads, too.
reload_takes_gpus() {
  [ -e /dev/nvidiactl ] && command -v docker >/dev/null && [ "$(docker info --format '{{.CgroupDriver}}' 2>/dev/null)" = systemd ] || return 1
  [ -n "$(docker ps --quiet --filter label=host-service.mandelbox-id 2>/dev/null)" ]
}

reload() {
  systemctl daemon-reload
  udevadm control --reload
  udevadm trigger --subsystem-match=input --action=change
}

do_install() {
  [ -x "$binary" ] || fail "there is no $binary; run \"make build\" first, or name it with BINARY=…" 2
  if live && [ "${FORCE:-}" != 1 ] && reload_takes_gpus; then
    fail 'mandelboxes run, and would lose their GPUs when systemd is reloaded; stop host-service first, or set FORCE=1 (README.md, "GPUs and reloads of systemd")'
  fi
  if [ -z "$dest" ]; then
    for program in docker iptables apparmor_parser; do
      command -v "$program" >/dev/null || echo "note: $program is not installed (Debian and Ubuntu: apt-get install docker.io iptables apparmor)"
    done
  fi

  # Under another name first: a running binary cannot be written to, but it can be replaced.
  put 755 "$binary" "$bin/.host-service.new"
  mv -f "$dest$bin/.host-service.new" "$dest$bin/host-service"
  # What the unit runs; each start makes it anew.
  mkdir -p "$dest$libexec/host-service"
  [ -e "$dest$libexec/host-service/host-service" ] || cp -l "$dest$bin/host-service" "$dest$libexec/host-service/host-service"
  put 755 firewall.sh "$libexec/host-service/firewall.sh"
  put 755 nvidia-devices.sh "$libexec/host-service/nvidia-devices.sh"
  put 644 README.md "$share/README.md"
  put_unit host-service.service
  put_unit host-service-firewall.service
  put_unit host-service-gpu.service
  put_unit host-service-relay.service
  put_unit host-service-fleet.service
  put_unit host-service-upgrade@.service
  put 644 systemd/docker-host-service.conf "$units/docker.service.d/host-service.conf"
  put 644 udev/90-fractal-input.rules "$udev/90-fractal-input.rules"
  put 644 sysctl/60-host-service.conf "$sysctl/60-host-service.conf"
  put 644 modules-load/host-service.conf "$modules/host-service.conf"
  put 644 apparmor/mandelbox-apparmor-profile "$sysconfdir/apparmor.d/mandelbox-apparmor-profile"
  [ -e "$dest$sysconfdir/host-service/appsettings.json" ] || put 644 appsettings.json "$sysconfdir/host-service/appsettings.json"
  [ -e "$dest$sysconfdir/host-service/environment" ] || put 600 environment "$sysconfdir/host-service/environment"

  live || return 0
  reload
  sysctl -q -p "$sysctl/60-host-service.conf"
  modprobe -a uinput fuse || echo 'note: without uinput and fuse, mandelboxes have no input devices and no drives; Ubuntu keeps them in linux-modules-extra'
  systemctl -q enable host-service.service host-service-firewall.service
  echo "installed; set APP_ENV in $sysconfdir/host-service/environment, then: systemctl start host-service"
}

do_uninstall() {
  if live; then
    # Stopped before anything is reloaded: its mandelboxes end with their GPUs.
    systemctl -q stop host-service.service 2>/dev/null || true
    ! systemctl -q is-active host-service.service || fail 'host-service.service did not stop; see: systemctl status host-service'
    ! reload_takes_gpus || echo 'note: mandelboxes of a service that crashed still run, and lose their GPUs now'
    systemctl -q disable --now host-service.service host-service-firewall.service host-service-relay.service host-service-fleet.service 2>/dev/null || true
  fi
  if [ -z "$dest" ] && [ -e /sys/kernel/security/apparmor/profiles ] && grep -q '^mandelbox-apparmor-profile ' /sys/kernel/security/apparmor/profiles; then
    apparmor_parser -R "$sysconfdir/apparmor.d/mandelbox-apparmor-profile" || echo 'note: the AppArmor profile stays loaded until the next boot'
  fi
  for file in "${installed[@]}"; do rm -f "$dest$file"; done
  for directory in "$libexec/host-service" "$share" "$units/docker.service.d"; do [ ! -d "$dest$directory" ] || rmdir --ignore-fail-on-non-empty "$dest$directory"; done
  live || return 0
  rm -rf /var/cache/host-service /var/cache/host-service-relay /var/cache/host-service-fleet
  reload
  echo "uninstalled; $sysconfdir/host-service and /fractalCloudStorage are kept: the first is yours, the second may hold users' files"
}

if [ -z "$dest" ] && [ "$(id -u)" != 0 ]; then fail 'must be root, or DESTDIR set' 2; fi
case ${1:-} in
  install) do_install ;;
  uninstall) do_uninstall ;;
  *) fail 'usage: install.sh install|uninstall' 2 ;;
esac
