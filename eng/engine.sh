#!/usr/bin/env bash
# Makes sure that a Docker engine answers at Docker__Endpoint (default unix:///var/run/docker.sock); starts one if none does.
set -euo pipefail
endpoint=${Docker__Endpoint:-unix:///var/run/docker.sock}
socket=${endpoint#unix://}

answers() { curl -fsS --max-time 5 --unix-socket "$socket" http://localhost/_ping >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

case $endpoint in
  unix://*) ;;
  *) exit 0 ;; # A remote engine: the service reports when it does not answer.
esac

if answers; then exit 0; fi
if [ -S "$socket" ] && [ ! -w "$socket" ]; then
  echo "you may not use $socket; become a member of the group docker (sudo usermod -aG docker $(id -un), then log in again) or be root" >&2
  exit 1
fi
if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
  echo "no engine answers at $endpoint, and only root can start one: sudo systemctl start docker" >&2
  exit 1
fi

echo "no engine answers at $endpoint: starting one"
if [ -d /run/systemd/system ] && [ "$socket" = /var/run/docker.sock ]; then
  as_root systemctl start docker
  answers || { echo "docker.service runs, but $endpoint does not answer; see: journalctl -u docker" >&2; exit 1; }
  exit 0
fi

# No systemd: start dockerd ourselves. It stays when the service ends, as the system's own engine does.
log=/tmp/host-service-dockerd.log
as_root sh -c '
  mkdir -p "$(dirname "$1")"
  PATH=$PATH:/usr/sbin:/sbin nohup setsid dockerd --host "$0" --pidfile "$1.pid" >"$2" 2>&1 </dev/null &
' "$endpoint" "$socket" "$log"
retry=(--retry 60 --retry-delay 1 --retry-max-time 60 --retry-all-errors)
if ! curl -fsS --unix-socket "$socket" "${retry[@]}" http://localhost/_ping >/dev/null 2>&1; then
  echo "dockerd did not come up within a minute; the end of $log:" >&2
  tail -n 8 "$log" >&2
  exit 1
fi
