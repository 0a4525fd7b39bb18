#!/bin/bash
# install.sh: settings for hosts on which the ECS agent makes the containers (B29, B35). The agent itself is a package of AWS's. Run after deploy/install.sh, with its
# PREFIX, SYSCONFDIR and DESTDIR.
#   ECS_CLUSTER    the cluster that the agent joins
set -euo pipefail
cd "$(dirname "$0")"
prefix=${PREFIX:-/usr/local} sysconfdir=${SYSCONFDIR:-/etc} dest=${DESTDIR:-}
libexec=$prefix/libexec units=$dest$prefix/lib/systemd/system
settings=$dest$sysconfdir/host-service/appsettings.json

install -D -m 644 ecs.config "$dest/etc/ecs/ecs.config"
sed -i "s|^ECS_CLUSTER=.*|ECS_CLUSTER=${ECS_CLUSTER:-default}|" "$dest/etc/ecs/ecs.config"
install -D -m 755 ecs-nat.sh "$dest$libexec/host-service/ecs-nat.sh"
sed "s|@LIBEXECDIR@|$libexec|" ecs-nat.service >"$units/ecs-nat.service"
chmod 644 "$units/ecs-nat.service"
jq '.Ecs.Enabled = true' "$settings" >"$settings.new"
mv "$settings.new" "$settings"
