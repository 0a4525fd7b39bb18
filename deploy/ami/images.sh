#!/bin/bash
# images.sh: pulls the images of the mandelboxes that hosts of this AMI run. A host pulls none itself, and does not start without one.
#   IMAGES           names without a tag, separated by blanks: ghcr.io/fractal/prod/browsers/chrome …
#   IMAGES_COMMIT    the commit that they were built from, which is their tag; hosts look for :current-build, which is set here
#   REGISTRY         where REGISTRY_USER and REGISTRY_PASSWORD are valid; without a user, the images are pulled as public ones
set -euo pipefail
fail() { echo "images.sh: $1" >&2; exit 2; }
read -r -a images <<<"${IMAGES:-}"
[ ${#images[@]} -gt 0 ] || fail 'IMAGES is empty, and a host without an image does not start'
[ -n "${IMAGES_COMMIT:-}" ] || fail 'IMAGES_COMMIT is empty; it is the tag that the images are pulled by'
for image in "${images[@]}"; do
  case ${image##*/} in *:* | *@*) fail "$image has a tag; leave it out, IMAGES_COMMIT is the tag" ;; esac
done

# The credentials are deleted with this script's directory and do not become part of the AMI.
DOCKER_CONFIG=$(mktemp -d)
export DOCKER_CONFIG
trap 'rm -rf "$DOCKER_CONFIG"' EXIT

if [ -n "${REGISTRY_USER:-}" ]; then
  printf '%s' "${REGISTRY_PASSWORD:-}" | docker login --username "$REGISTRY_USER" --password-stdin "${REGISTRY:?the registry to log in to}"
  trap 'docker logout "$REGISTRY" || true; rm -rf "$DOCKER_CONFIG"' EXIT
fi
unset REGISTRY_PASSWORD
for image in "${images[@]}"; do
  docker pull --quiet "$image:$IMAGES_COMMIT"
  docker tag "$image:$IMAGES_COMMIT" "$image:current-build"
done
