#!/usr/bin/env bash
# Writes docs/command-line.md from the help of build/host-service, docs/configuration.md from the options classes, and build/site: all
# pages and the code's doc comments as a static site.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source eng/help.sh

page=docs/command-line.md
mkdir -p docs
section() { # [command]
  printf '\n    %s\n\n```\n' "host-service $* --help" | sed 's/  --help/ --help/'
  help_of "$@"
  echo '```'
}
{
  echo '# The command line'
  echo
  echo 'Written by `make docs` from the binary.'
  section
  commands | while read -ra command; do
    printf '\n## %s\n' "${command[*]}"
    section "${command[@]}"
  done
} >"$page.new"
mv "$page.new" "$page"
echo "wrote $page"

UPDATE_DOCS=1 dotnet test tests/Unit/Unit.csproj -c "${CONFIGURATION:-Debug}" --nologo -v quiet \
  --filter FullyQualifiedName~Documentation.ConfigurationPage
echo 'wrote docs/configuration.md'

dotnet tool restore >/dev/null
stage=artifacts/docfx
rm -rf "$stage" build/site
mkdir -p "$stage"
# With the sources: the pages link to them.
git ls-files --cached --others --exclude-standard -z | xargs -0 cp --parents --target-directory "$stage"
cp docs/site/* "$stage"
dotnet docfx "$stage/docfx.json" --warningsAsErrors --logLevel warning
cp build/site/README.html build/site/index.html
echo "wrote build/site/index.html"
