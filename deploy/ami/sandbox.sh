#!/bin/bash
# sandbox.sh: makes the image of the network sandboxes, which no registry has. Hosts look for it under the name that Docker__ImageTemplate gives
# it by default; which environment a host belongs to is not known before it starts, so each has its name.
set -euo pipefail
cd "$(dirname "$0")/../.."
for environment in dev staging prod; do
  mandelboxes/sandbox/build.sh "ghcr.io/fractal/$environment/mandelboxes/sandbox:current-build"
done
