#!/bin/bash
# User data of a host made from the AMI: which environment it belongs to. The launch template replaces @APP_ENV@ (DEV, STAGING or PROD) and
# @DATABASE_URL@, or leaves the latter away where the service gets it from Heroku's config vars.
set -euo pipefail
umask 077
cat >/etc/host-service/environment <<'ENVIRONMENT'
APP_ENV=@APP_ENV@
DATABASE_URL=@DATABASE_URL@
ENVIRONMENT
# Started here and not enabled: B31. A host that was rebooted has lost its mandelboxes and is not to come back by itself.
systemctl start --no-block host-service.service
