#!/usr/bin/env bash
# Makes build/release (OUT=…) of build/host-service: the package, which lintian finds nothing in, the bill of materials, and SHA256SUMS of both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export OUT=${OUT:-build/release}
mkdir -p "$OUT"
rm -f "$OUT"/host-service_*.deb "$OUT"/{host-service.cdx.json,SHA256SUMS}
eng/deb.sh
lintian --fail-on error,warning "$OUT"/*.deb
eng/sbom.py >"$OUT/host-service.cdx.json"
(cd "$OUT" && sha256sum -- *.deb host-service.cdx.json >SHA256SUMS && cat SHA256SUMS)
