#!/bin/bash
# images.sh: the images of the mandelboxes that hosts of this AMI run; a host pulls none itself, and does not start without one.
#   IMAGES               full names, separated by blanks: ghcr.io/fractal/prod/browsers/chrome:current-build …
#   REGISTRY             where REGISTRY_USER and REGISTRY_PASSWORD are valid; without a user nothing is logged in to
set -euo pipefail
read -r -a images <<<"${IMAGES:-}"
[ ${#images[@]} -gt 0 ] || { echo 'images.sh: IMAGES names none, and a host without an image does not start' >&2; exit 2; }

# The credentials end with this script: they go into a directory of their own, and not into the AMI.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT

if [ -n "${REGISTRY_USER:-}" ]; then
  printf '%s' "${REGISTRY_PASSWORD:-}" | docker login --username "$REGISTRY_USER" --password-stdin "${REGISTRY:?the registry to log in to}"
  trap 'docker logout "$REGISTRY" || true; rm -rf "$DOCKER_CONFIG"' EXIT
fi
unset REGISTRY_PASSWORD
for image in "${images[@]}"; do docker pull --quiet "$image"; done
