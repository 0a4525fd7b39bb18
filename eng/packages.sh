#!/usr/bin/env bash
# Decides which package families come from NuGet and which from compat/, and writes the answer to Packages.switch.props.
# usage: eng/packages.sh [auto|real|compat]
#   auto    asks the feed: a family is real when all of it restores, with everything it depends on. Where the feed lacks the very version and has a
#           newer one of the same major version, that one is taken. The answer is kept for a day, or until a version or a source changes. A feed that
#           does not answer changes nothing.
#   real    takes the real packages of every family; compat takes every stand-in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode=${1:-auto}
switch=Packages.switch.props

wanted() { sed -n "s/.*<$1Version[^>]*>\(.*\)<\/$1Version>.*/\1/p" Directory.Packages.props; } # the central version of family $1

# switch name | what it is called | its stand-in | all of its packages that this project names
families='Orleans|Microsoft.Orleans|compat/Orleans (one process, same API)|Microsoft.Orleans.Server Microsoft.Orleans.Client Microsoft.Orleans.Sdk Microsoft.Orleans.Dashboard Microsoft.Orleans.TestingHost
Docker|Docker.DotNet|compat/Docker.DotNet (same API)|Docker.DotNet
Sentry|Sentry|compat/Sentry (same API)|Sentry'

key=$(
  {
    echo "$mode"; cat eng/packages.sh
    grep -E 'Orleans|Docker|Sentry' Directory.Packages.props
    echo "${NUGET_PACKAGES:-}|${RestoreSources:-}|${RestoreAdditionalProjectSources:-}|${RestoreConfigFile:-}"
    cat nuget.config NuGet.Config "$HOME/.nuget/NuGet/NuGet.Config" 2>/dev/null || true
  } | sha256sum | cut -c1-16
)

probe() { # 0: every package of $1 (a list) restores in version or range $3; 1: the feed says that one is not there; 2: the feed did not answer
  local dir=.cache/probe/$2 log file
  rm -rf "$dir/obj"
  mkdir -p "$dir"
  log=$dir/restore.log
  # Files of its own, so that nothing of this repository's build reaches the question.
  for file in Directory.Build.props Directory.Build.targets Directory.Packages.props; do echo "<Project />" >"$dir/$file"; done
  {
    echo '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup><ItemGroup>'
    for package in $1; do echo "<PackageReference Include=\"$package\" Version=\"$3\" />"; done
    echo '</ItemGroup></Project>'
  } >"$dir/probe.csproj"
  if timeout 180 dotnet restore "$dir/probe.csproj" --force --no-http-cache -v minimal >"$log" 2>&1 </dev/null; then return 0; fi
  if grep -qE 'NU1101|NU1102|NU1103|NU1107' "$log"; then return 1; fi
  return 2
}

newer() { # packages, name, version: prints the next newer version of the same major version in which all of them restore; as probe where there is none
  local packages=$1 name=$2 version=$3 found result=0
  # No such package in any version: nothing to look for.
  ! grep -q NU1101 ".cache/probe/$name/restore.log" || return 1
  probe "$packages" "$name" "[$version,$((${version%%.*} + 1)))" || result=$?
  [ $result = 0 ] || return $result
  found=$(sed -n "s/^ *\"${packages%% *}\/\([0-9][^\"]*\)\": {.*/\1/p" ".cache/probe/$name/obj/project.assets.json" | head -n 1)
  # Found one by one; the family has to be of one version.
  [ "$packages" = "${packages%% *}" ] || probe "$packages" "$name" "[$found]" || return $?
  echo "$found"
}

write_switch() { # answers as "CompatOrleans=true" words
  {
    echo "<!-- Written by eng/packages.sh, never committed. key=$key -->"
    echo '<Project><PropertyGroup>'
    for answer in "$@"; do echo "  <${answer%=*}>${answer#*=}</${answer%=*}>"; done
    echo '</PropertyGroup></Project>'
  } >"$switch.new"
  if cmp -s "$switch.new" "$switch"; then rm "$switch.new"; touch "$switch"; else mv "$switch.new" "$switch"; fi
}

last_answer() { [ ! -e "$switch" ] || sed -n "s/.*<$1>\(.*\)<\/$1>.*/\1/p" "$switch" | head -n 1; } # of property $1

fresh() { [ -n "$(find "$switch" -mmin -1440 2>/dev/null)" ] && grep -q "key=$key" "$switch"; }

case $mode in
  real | compat)
    answers=()
    while IFS='|' read -r name _ _ _; do
      answers+=("Compat$name=$([ "$mode" = compat ] && echo true || echo false)")
    done <<<"$families"
    write_switch "${answers[@]}"
    ;;
  auto)
    if ! fresh; then
      answers=()
      silent=0
      while IFS='|' read -r name title _ packages; do
        result=0 other=
        probe "$packages" "$name" "[$(wanted "$name")]" || result=$?
        if [ $result = 1 ]; then
          result=0
          other=$(newer "$packages" "$name" "$(wanted "$name")") || result=$?
        fi
        case $result in
          0) answers+=("Compat$name=false") ;;
          1) answers+=("Compat$name=true") ;;
          *)
            last=$(last_answer "Compat$name")
            answers+=("Compat$name=${last:-true}")
            other=$(last_answer "${name}Version")
            silent=1
            echo "$title: your NuGet feed gave no answer (.cache/probe/$name/restore.log); asking again at the next build" >&2
            ;;
        esac
        [ -z "$other" ] || answers+=("${name}Version=$other")
      done <<<"$families"
      [ $silent = 0 ] || key=unanswered
      write_switch "${answers[@]}"
    fi
    ;;
  *)
    echo "eng/packages.sh: PACKAGES is auto, real or compat, not '$mode'" >&2
    exit 2
    ;;
esac

while IFS='|' read -r name title stand_in _; do
  other=$(last_answer "${name}Version")
  if [ "$(last_answer "Compat$name")" != true ]; then
    [ -z "$other" ] || echo "$title $(wanted "$name") is not in your NuGet feed: building on $title $other"
  elif [ "$mode" = compat ]; then
    echo "$title: building on $stand_in, as PACKAGES=compat asks"
  else
    echo "$title $(wanted "$name") is not in your NuGet feed: building on $stand_in"
  fi
done <<<"$families"
