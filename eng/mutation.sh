#!/usr/bin/env bash
# Puts small faults, one at a time, into the classes that decide, and counts those that the Unit tests of their area find: at least 85 %.
# Grains themselves are tested by Cluster, which is too slow for this. Texts are left alone: they are for people. Survivors are printed; the
# whole report of an area is in artifacts/mutation/AREA. 3 to 8 minutes an area on two cores. One that is stopped leaves faults in the built
# Unit tests: build again.
# usage: eng/mutation.sh [AREA...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Area, project, the folder of its tests in tests/Unit, files.
areas=(
  'gpu         Infrastructure Gpu          Gpu/{GpuHealth,GpuInventorySnapshot,GpuReport,Xids}'
  'engine      Infrastructure Docker       Docker/{ContainerEventStream,ContainerNames,EngineErrors,EventDeduplicator,ReconcileSchedule}'
  'database    Infrastructure Database     Backend/{Connection/PostgresParameters,Connection/PostgresUrl,Outbox/OutboxQueue,Rows/ClaimRules,Rows/RegistrationRules}'
  'ec2         Infrastructure Ec2          Aws/{Attempts,Ec2Notices,NameTagReader}'
  'drives      Infrastructure CloudStorage Storage/CloudStorage/{PathNames,SecretScrubber}'
  'configs     Infrastructure UserConfigs  Storage/UserConfigs/{ArchiveKey,Archive/ArchiveLimits,Archive/TarGuard,Archive/TarNames}'
  'records     Infrastructure Mandelbox    Storage/Records/MandelboxRecords'
  'pools       Grains         Host         Host/{DiskQuotas,EventJournal,GpuPool,LeaseAllocator,LeaseQueue,MandelboxMove,PortPool,Reservations,SandboxPool,TtyPool}'
  'steps       Grains         Lifecycle    Lifecycle/{Stage,StepResult,StepRunner,StepTimeline}'
  'mandelbox   Grains         Mandelbox    Mandelbox/{ContainerCapabilities,ContainerLabels,ContainerSpecs,MandelboxStateMachine,SpinUpFaults}'
  'consistency Grains         Consistency  Host/Consistency/Comparison'
  'fleet       Grains         Fleet        Fleet/{FleetHistory,FleetRegistry,HostRoom,HostSelector,PlacementScheduler,RolloutPlan}'
)

wanted=("$@")
[ ${#wanted[@]} -gt 0 ] || mapfile -t wanted < <(printf '%s\n' "${areas[@]}" | cut -d ' ' -f 1)
dotnet tool restore >/dev/null
failed=0
for name in "${wanted[@]}"; do
  line=$(printf '%s\n' "${areas[@]}" | grep "^$name ") || { echo "no area '$name': see eng/mutation.sh" >&2; exit 2; }
  read -r _ project tests files <<<"$line"
  output=$PWD/artifacts/mutation/$name
  rm -rf "$output"
  mkdir -p "$output"
  # Stryker's patterns know no braces.
  mapfile -t files < <(eval "printf '**/%s.cs\n' $files")
  printf '%s\n' "${files[@]}" | jq -R . | jq -s --arg project "$project.csproj" --arg tests "FullyQualifiedName~Tests.Unit.$tests." '
    {"stryker-config": {
      project: $project, mutate: ., "test-case-filter": $tests, "coverage-analysis": "perTest", concurrency: 2,
      "ignore-methods": ["*Log*", "*Exception.ctor"], "ignore-mutations": ["string"],
      reporters: ["json", "html"], thresholds: {high: 90, low: 85, break: 85}}}' >"$output/config.json"
  (cd tests/Unit && dotnet stryker --config-file "$output/config.json" --skip-version-check --output "$output") >"$output/log" 2>&1 || failed=1
  report=$output/reports/mutation-report.json
  [ -f "$report" ] || { tail -20 "$output/log" >&2; exit 1; }
  jq -r --arg name "$name" '
    def where: .key as $file | .value.mutants[] | select(.status == "Survived" or .status == "NoCoverage")
      | "  \($file | split("/") | last):\(.location.start.line) \(.status): \(.mutatorName): \(.replacement // "" | gsub("\\s+"; " ") | .[0:100])";
    [.files[].mutants[].status] as $all
    | ($all | map(select(. == "Killed" or . == "Timeout")) | length) as $found
    | ($all | map(select(. == "Survived" or . == "NoCoverage")) | length) as $missed
    | "\($name): \($found) of \($found + $missed) found, \(if $found + $missed == 0 then 100 else 100 * $found / ($found + $missed) | floor end) %",
      (.files | to_entries[] | where)' "$report"
done
exit $failed
