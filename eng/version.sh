#!/usr/bin/env bash
# Prints the version of this checkout, as Debian sorts versions: 1.2.3 where HEAD has the tag v1.2.3, 1.2.3~rc1 for v1.2.3-rc1, else
# <VersionPrefix>~git<time of the commit in UTC>.<commit>, which comes before <VersionPrefix>. Outside a repository: VersionPrefix.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
prefix=$(sed -n 's|.*<VersionPrefix>\(.*\)</VersionPrefix>.*|\1|p' Directory.Build.props)
if ! commit=$(git rev-parse --short=7 HEAD 2>/dev/null); then
  echo "$prefix"
elif tag=$(git describe --tags --exact-match --match 'v[0-9]*' 2>/dev/null); then
  tag=${tag#v}
  echo "${tag//-/\~}"
else
  echo "$prefix~git$(TZ=UTC git log -1 --date=format-local:%Y%m%d%H%M --format=%cd).$commit"
fi
