#!/usr/bin/env bash
# Writes docs/command-line.md from the help of build/host-service, and docs/configuration.md from the options classes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ -x build/host-service ] || { echo 'there is no build/host-service; run "make build" first' >&2; exit 2; }

page=docs/command-line.md
mkdir -p docs
help_of() { # [command]
  printf '\n    %s\n\n```\n' "host-service $* --help" | sed 's/  --help/ --help/'
  # Without trailing white space, empty lines at the end and the random default of --id.
  build/host-service "$@" --help | sed -E 's/[[:space:]]*$//; s/cli-[0-9a-f]{8}/cli-<8 hex digits>/' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}'
  echo '```'
}
{
  echo '# The command line'
  echo
  echo 'Written by `make docs` from the binary.'
  help_of
  # The names below "Commands:", first word of each line.
  build/host-service --help | sed -n '/^Commands:/,$p' | awk '/^  [a-z]/ { print $1 }' | while read -r command; do
    printf '\n## %s\n' "$command"
    help_of "$command"
  done
} >"$page.new"
mv "$page.new" "$page"
echo "wrote $page"

UPDATE_DOCS=1 dotnet test tests/Unit/Unit.csproj -c "${CONFIGURATION:-Debug}" --nologo -v quiet \
  --filter FullyQualifiedName~Documentation.ConfigurationPage
echo 'wrote docs/configuration.md'
