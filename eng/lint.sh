#!/usr/bin/env bash
# Fails on scripts that shellcheck objects to and on code that must not be there. Changes nothing.
# Analyzers need no call here: their warnings are errors of every build.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
bad=0

# Scripts are found by their first line; a .sh without one is sourced by another.
mapfile -t scripts < <(git ls-files -z | xargs -0 awk 'FNR == 1 && /^#!.*sh/ { print FILENAME } { nextfile }')
for script in "${scripts[@]}"; do
  case $(head -n 1 "$script") in
    *bash*) bash -n "$script" || bad=1 ;;
    *) sh -n "$script" || bad=1 ;;
  esac
  [ -x "$script" ] || { echo "$script: not executable" >&2; bad=1; }
done
if command -v shellcheck >/dev/null; then
  # SC2154: variables of a file that is read with "source".
  shellcheck -x -S warning -e SC2154 "${scripts[@]}" || bad=1
else
  echo 'shellcheck is not installed: scripts were parsed only'
fi

forbid() { # name, pattern, paths…
  local what=$1 pattern=$2 hits
  shift 2
  hits=$(git grep -nIE "$pattern" -- "$@" 2>/dev/null) || return 0
  printf '%s:\n%s\n' "$what" "$hits" >&2
  bad=1
}
forbid 'conditional compilation' '^\s*#(if|elif)\b' 'src/*.cs' 'tests/*.cs'
forbid 'a line of over 140 columns' '^.{141,}$' 'src/*.cs'
forbid 'a stub' 'throw new NotImplementedException' '*.cs'
forbid 'unfinished' '\b(TODO|FIXME|HACK)\b' '*.cs' '*.sh' Makefile ':!eng/lint.sh'
forbid 'an end of the process beside the shutdown sequence' 'Environment\.(Exit|FailFast)' 'src/*.cs'
forbid 'an exception swallowed' 'catch(\s*\([^)]*\))?\s*\{\s*\}' 'src/*.cs' 'tests/*.cs'
forbid 'waiting by the clock in a test' 'Thread\.Sleep|Task\.Delay\(' 'tests/*.cs'

exit $bad
