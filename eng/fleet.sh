#!/usr/bin/env bash
# A fleet on this machine, for a try: its own process, and HOSTS hosts (2) with their relays, on one engine, without certificates. Files are
# below .run/fleet. Ctrl-C ends all of it, with every mandelbox.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
hosts=${HOSTS:-2}
export APP_ENV=LOCALDEV Docker__Endpoint=${Docker__Endpoint:-unix:///var/run/docker.sock}
eng/engine.sh
DOCKER_HOST=$Docker__Endpoint mandelboxes/demo/build.sh
DOCKER_HOST=$Docker__Endpoint mandelboxes/sandbox/build.sh

work=$PWD/.run/fleet
mkdir -p "$work"
relays=() services=()

end() {
  trap - EXIT INT TERM
  # The hosts last: they end their mandelboxes.
  [ ${#relays[@]} = 0 ] || kill "${relays[@]}" 2>/dev/null || true
  [ ${#services[@]} = 0 ] || kill "${services[@]}" 2>/dev/null || true
  wait
}
trap end EXIT
trap 'exit 130' INT TERM

# What it waits for is in the log of a process that must not end meanwhile.
await() { # process, log, text
  until grep -q "$3" "$2"; do
    kill -0 "$1" 2>/dev/null || { cat "$2" >&2; exit 1; }
    sleep 0.2
  done
}

start() { # name, command, settings...
  local name=$1 command=$2
  shift 2
  : >"$work/$name.log"
  env "$@" build/host-service "$command" >"$work/$name.log" 2>&1 &
}

start fleet fleet Host__PrivateRoot="$work/fleet-private"
relays+=($!)
await $! "$work/fleet.log" 'fleet ready on '

for i in $(seq "$hosts"); do
  root=$work/host$i
  settings=(
    Host__InstanceName="host$i" Host__ManageSystem=false Host__Root="$root/fractal" Host__PrivateRoot="$root/private"
    Host__CloudStorageRoot="$root/cloudStorage" Host__RuntimeRoot="$root/run" Gateway__Port=$((4680 + i))
    Orleans__SiloPort=$((11130 + i)) Orleans__GatewayPort=$((30030 + i)) Orleans__ExternalClients=true
    Relay__Fleet=https://127.0.0.1:4680
  )
  start "host$i" run "${settings[@]}"
  services+=($!)
  await $! "$work/host$i.log" 'host-service ready on '
  start "relay$i" relay "${settings[@]}"
  relays+=($!)
  await $! "$work/relay$i.log" 'relay connected to '
  echo "host$i is ready on https://localhost:$((4680 + i)), and in the fleet"
done

cat <<HINTS

The fleet is ready on https://localhost:4680; logs are in $work. From another terminal:
  build/host-service fleet place
  build/host-service fleet hosts
  build/host-service fleet ps
HINTS
wait
