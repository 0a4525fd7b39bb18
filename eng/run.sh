#!/usr/bin/env bash
# Starts build/host-service in an environment. In a local one it first makes sure that an engine runs and has the images of the demo and
# the sandbox; once the service is ready, it prints how to spin up a mandelbox.
# usage: eng/run.sh LOCALDEV|LOCALDEVWITHDB|DEV|STAGING|PROD
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export APP_ENV=${1:?usage: eng/run.sh ENVIRONMENT}
export Docker__Endpoint=${Docker__Endpoint:-unix:///var/run/docker.sock}

case $APP_ENV in
  DEV | STAGING | PROD) exec build/host-service run ;;
esac

eng/engine.sh
DOCKER_HOST=$Docker__Endpoint mandelboxes/demo/build.sh
DOCKER_HOST=$Docker__Endpoint mandelboxes/sandbox/build.sh

if [ "$(id -u)" != 0 ]; then
  echo 'not root: the service leaves systemd, AppArmor and /fractal alone; its files are below .run'
  export Host__ManageSystem=${Host__ManageSystem:-false} Host__Root=${Host__Root:-$PWD/.run/fractal}
  export Host__PrivateRoot=${Host__PrivateRoot:-$PWD/.run/private} Host__CloudStorageRoot=${Host__CloudStorageRoot:-$PWD/.run/cloudStorage}
  mkdir -p .run
elif [ ! -d /run/systemd/system ] && [ -z "${Host__ManageSystem:-}" ]; then
  echo 'systemd does not run here: the service leaves systemd and AppArmor alone (Host__ManageSystem=false)'
  export Host__ManageSystem=false
fi

hints() { # passes the service's output on; after the ready line, prints commands to try
  trap '' INT TERM
  local line
  while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in
      *'host-service ready on '*)
        local port=${Gateway__Port:-4678}
        echo
        echo 'Spin a mandelbox up, from another terminal, in either way:'
        local body='{"app_name":"mandelboxes/demo","config_encryption_token":"0123456789","jwt_access_token":"",'
        body+='"mandelbox_id":"demo1","session_id":1}'
        echo "  curl -k -X PUT https://localhost:$port/spin_up_mandelbox -d '$body'"
        echo "  $PWD/build/host-service spin-up --app mandelboxes/demo"
        echo 'It answers on its ports: nc localhost <port_32262>, echo | nc -u -w1 localhost <port_32263>'
        echo
        ;;
    esac
  done
}

exec build/host-service run > >(hints)
