#!/usr/bin/env bash
# Runs test projects, each with a time limit, and ends with one closing line: N passed, N failed, N skipped.
# usage: eng/test.sh [--at-once] [project…]     names below tests/; without one, all but Vm. They must be built already.
# They run one after the other, or with --at-once side by side: only for projects that share nothing of the machine, such as Docker.
# FILTER='FullyQualifiedName~Ports' narrows; PROJECT_TIMEOUT=1500 (seconds) bounds each project; CONFIGURATION=Debug.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
results=artifacts/test-results
rm -rf "$results"
mkdir -p "$results"

at_once=
if [ "${1:-}" = --at-once ]; then
  at_once=yes
  shift
fi
projects=("$@")
if [ ${#projects[@]} = 0 ]; then
  for file in tests/*/*.csproj; do
    name=$(basename "$file" .csproj)
    case $name in Support | Vm) ;; *) projects+=("$name") ;; esac
  done
fi

passed=0 failed=0 skipped=0 cut_short=()
count() { sed -n 's/.*<Counters \(.*\)\/>.*/\1/p' "$1" | grep -o "\b$2=\"[0-9]*\"" | head -n 1 | tr -dc '0-9'; }

# What ended a run in which no test failed: the run's own errors, such as a fixture whose end failed, and the tests that hung.
run_errors() { # project
  awk '/<RunInfo .*outcome="Error"/ { on = 1 } /<\/RunInfo>/ { on = 0 }
    on && /<Text>/ { text = 1; sub(/.*<Text>/, "") }
    text { end = /<\/Text>/; sub(/<\/Text>.*/, ""); print "      " $0; text = !end }' "$results/$1.trx" | head -n 40
  sed -n "s/.*<Test Name=\"\([^\"]*\)\".*Tests\.$1\.dll\" Completed=\"False\".*/      did not end: \1/p" "$results"/*/Sequence_*.xml 2>/dev/null
}

# A test that hangs ends its project after HANG_TIMEOUT (5 minutes) without progress; a project that hangs is ended by its own time limit.
run() { # project
  timeout --kill-after=15 "${PROJECT_TIMEOUT:-1500}" \
    dotnet test "tests/$1/$1.csproj" --no-build --nologo -c "${CONFIGURATION:-Debug}" ${FILTER:+--filter "$FILTER"} \
    --results-directory "$PWD/$results" --logger "trx;LogFileName=$1.trx" --logger 'console;verbosity=minimal' \
    --blame-hang-timeout "${HANG_TIMEOUT:-5m}" --blame-hang-dump-type none
}

declare -A running
if [ -n "$at_once" ]; then
  for name in "${projects[@]}"; do
    run "$name" >"$results/$name.log" 2>&1 &
    running[$name]=$!
  done
fi

for name in "${projects[@]}"; do
  trx=$results/$name.trx
  begun=$SECONDS
  echo "== tests/$name"
  if [ -n "$at_once" ]; then
    wait "${running[$name]}"
    code=$?
    cat "$results/$name.log"
  else
    run "$name"
    code=$?
    echo "tests/$name: $((SECONDS - begun)) s"
  fi
  if [ ! -s "$trx" ]; then
    if [ $code = 0 ]; then echo "tests/$name: no test matches"; continue; fi
    cut_short+=("  tests/$name: ended with $code and left no results: counted as one failure")
    failed=$((failed + 1))
    continue
  fi
  total=$(count "$trx" total) executed=$(count "$trx" executed) ok=$(count "$trx" passed)
  bad=$((executed - ok))
  # The run may have ended early although every test that reported has passed.
  if [ $code != 0 ] && [ $bad = 0 ]; then
    cut_short+=("  tests/$name: ended with $code: counted as one failure" "$(run_errors "$name")")
    bad=1
  fi
  passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + total - executed))
done

reasons=$(awk '
  /<UnitTestResult/ { skip = /outcome="NotExecuted"/ }
  skip && /<Message>/ { sub(/.*<Message>/, ""); sub(/<\/Message>.*/, ""); n[$0]++ }
  END { for (r in n) printf "  %d: %s\n", n[r], r }' "$results"/*.trx 2>/dev/null | sort -k2)
[ -z "$reasons" ] || printf 'Skipped, and why:\n%s\n' "$reasons"

decode() { sed 's/&lt;/</g; s/&gt;/>/g; s/&quot;/"/g; s/&#xD;//g; s/&amp;/\&/g'; }

# What tests have written, such as figures; that a property has held is not worth telling.
written=$(awk '
  /<UnitTestResult / { name = $0; sub(/.* testName="/, "", name); sub(/".*/, "", name); inside = !/\/> *$/ }
  /<\/Results>/ { inside = 0 }
  inside && /<StdOut>/ { sub(/.*<StdOut>/, ""); on = 1 }
  on {
    end = /<\/StdOut>/
    sub(/<\/StdOut>.*/, "")
    if ($0 != "" && $0 !~ /^Ok, passed/) { if (name != "") printf "  %s\n", name; printf "      %s\n", $0; name = "" }
    on = !end
  }
  ' "$results"/*.trx 2>/dev/null | decode)
[ -z "$written" ] || printf 'Written by tests:\n%s\n' "$written"

# Failures again, with the first lines of their messages, for whoever reads only the end of the log.
failures=$(awk '
  /<UnitTestResult / { name = ""; if (/outcome="Failed"/) { name = $0; sub(/.* testName="/, "", name); sub(/".*/, "", name) } }
  name != "" && /<Message>/ { sub(/.*<Message>/, ""); printf "  %s\n", name; name = ""; lines = 8 }
  lines > 0 { end = /<\/Message>/; sub(/<\/Message>.*/, ""); printf "      %s\n", $0; lines = end ? 0 : lines - 1 }
  ' "$results"/*.trx 2>/dev/null | decode)
failures=$(printf '%s\n' "${cut_short[@]}" "$failures" | sed '/^$/d')
[ -z "$failures" ] || printf 'Failed, and how:\n%s\n' "$failures" | tee "$results/failures"

line="$passed passed, $failed failed"
[ $skipped = 0 ] || line="$line, $skipped skipped"
echo "$passed $failed $skipped" >"$results/totals"
echo "$line"
[ $failed = 0 ] && [ $passed -gt 0 ]
