#!/usr/bin/env bash
# Fails on code that is not formatted, scripts that shellcheck objects to, and things that must not be there. Changes nothing.
# Analyzers need no call here: their warnings are errors of every build.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bad=0

dotnet format whitespace HostService.sln --verify-no-changes || { echo 'not formatted: run "make format"' >&2; bad=1; }

mapfile -t scripts < <(git ls-files '*.sh' .ci/run; git ls-files | xargs -r grep -lE '^#!.*(ba)?sh' 2>/dev/null)
mapfile -t scripts < <(printf '%s\n' "${scripts[@]}" | sort -u)
for script in "${scripts[@]}"; do
  case $(head -n 1 "$script") in
    *bash*) bash -n "$script" || bad=1 ;;
    *) sh -n "$script" || bad=1 ;;
  esac
  [ -x "$script" ] || { echo "$script: not executable" >&2; bad=1; }
done
if command -v shellcheck >/dev/null; then
  shellcheck -S warning "${scripts[@]}" || bad=1
else
  echo 'shellcheck is not installed: scripts were parsed only'
fi

forbid() { # what it is, pattern, paths…
  local what=$1 pattern=$2 hits
  shift 2
  hits=$(git grep -nIE "$pattern" -- "$@" 2>/dev/null) || return 0
  printf '%s:\n%s\n' "$what" "$hits" >&2
  bad=1
}
forbid 'code that knows which package it was built on' '^\s*#(if|elif)\b' 'src/*.cs' 'tests/*.cs'
forbid 'a stub' 'NotImplementedException' '*.cs'
forbid 'unfinished' '\b(TODO|FIXME|HACK)\b' '*.cs' 'eng/*.sh' Makefile
forbid 'a second way out of the process' 'Environment\.(Exit|FailFast)' 'src/*.cs'
forbid 'an exception swallowed' 'catch(\s*\([^)]*\))?\s*\{\s*\}' 'src/*.cs' 'compat/*.cs' 'tests/*.cs'
forbid 'waiting by the clock in a test' 'Thread\.Sleep|Task\.Delay\(' 'tests/*.cs'

exit $bad
