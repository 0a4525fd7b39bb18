#!/bin/bash
# webserver-unit.sh: the paths of the unit that the webserver's user data writes and enables (B35):
#   Type=exec, ExecStart=/home/ubuntu/host-service, EnvironmentFile=/usr/share/fractal/app_env.env
# Run after install.sh, with its PREFIX, SYSCONFDIR and DESTDIR.
#   APP_ENV    DEV, STAGING or PROD for an AMI of one environment; empty: user data writes it
set -euo pipefail
prefix=${PREFIX:-/usr/local} sysconfdir=${SYSCONFDIR:-/etc} dest=${DESTDIR:-}
units=$dest$prefix/lib/systemd/system
environment=$sysconfdir/host-service/environment

mkdir -p "$dest/home/ubuntu" "$dest/usr/share/fractal" "$units/host-service.service.d"
ln -sfn "$prefix/libexec/host-service/host-service" "$dest/home/ubuntu/host-service"
# One file under two names: whichever is written, both units read it.
ln -sfn "$environment" "$dest/usr/share/fractal/app_env.env"
if [ -n "${APP_ENV:-}" ]; then
  sed -i '/^APP_ENV=/d' "$dest$environment"
  echo "APP_ENV=$APP_ENV" >>"$dest$environment"
fi

# A unit of the same name in /etc hides ours, but not this drop-in: what the service needs whoever starts it.
keys='Wants|After|Requires|Environment|KillMode|Timeout[A-Za-z]*Sec|OOMScoreAdjust|LimitNOFILE|TasksMax|CacheDirectory[A-Za-z]*|Restart[A-Za-z]*'
keys+='|ExecStartPre|ExecStopPost|SuccessExitStatus|FileDescriptorStore[A-Za-z]*'
grep -E "^(\[(Unit|Service)\]|($keys)=)" "$units/host-service.service" >"$units/host-service.service.d/webserver.conf"
