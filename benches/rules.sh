#!/usr/bin/env bash
# Compares whole processes side by side on one generated log of level Metadata in the page cache: sundew replay with all
# rules and habits, with rules alone, with 50 and with 1,000 rules, and rsigma's own command line with the same rules.
# Every command runs in turn, ROUNDS times, and the medians are printed with the throughput. rsigma takes long: it gets
# one part in SHARE of the log, and its throughput stands for the whole. The log is of TENANTS copies of a small
# cluster's workloads side by side. Usage: [TENANTS=20] [SHARE=16] benches/rules.sh [MEBIBYTES] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
size=${1:-512}
rounds=${2:-5}
share=${SHARE:-16}
tenants=${TENANTS:-20}
target=${CARGO_TARGET_DIR:-target}

cargo build --release --quiet
cargo build --release --quiet --package sundew-audit --example generate
mkdir -p "$target/compare"
log=$target/compare/lean-$size-$tenants.log
[ -f "$log" ] || "$target/release/examples/generate" "$size" "$log" "$tenants"
part=$target/compare/lean-$size-$tenants-part.log
head -c $((size * 1048576 / share)) "$log" | sed '$d' > "$part"
cat "$log" "$part" > /dev/null
sundew=$target/release/sundew

# The same rules for both programs: detections over plain fields, without what only one of them knows.
rules=$target/compare/rules
make_rules() { # COUNT FOLDER
  rm -rf "$2" && mkdir -p "$2"
  local resources=(pods secrets configmaps deployments roles clusterroles nodes events services jobs)
  local verbs=(create delete patch update list)
  for ((i = 0; i < $1; i++)); do
    cat > "$2/rule-$i.yml" << RULE
title: Rule $i
id: 00000000-0000-4000-8000-$(printf %012d "$i")
name: bench_$i
status: test
logsource: {product: kubernetes, service: audit}
detection:
  what:
    verb: ${verbs[i % 5]}
    objectRef.resource: ${resources[i / 5 % 10]}
    user.username|startswith: 'system:serviceaccount:team-$i:'
  from:
    userAgent|contains: [curl, python-requests, tool-$i]
  filter:
    responseStatus.code: 409
  condition: what and from and not filter
level: low
RULE
  done
}
for count in 50 1000; do make_rules $count "$rules-$count"; done
empty=$target/compare/none.yaml
printf 'version: 1\ndecoys: []\n' > "$empty"

labels=() ; commands=() ; sizes=()
add() { labels+=("$1"); commands+=("$2"); sizes+=("$(stat -c %s "$3")"); }
add 'sundew replay, all rules and habits, 1 thread' "$sundew replay $log --threads 1" "$log"
add 'sundew replay, all rules and habits, 2 threads' "$sundew replay $log --threads 2" "$log"
add 'sundew replay, all rules and habits, each line read' "$sundew replay $log --threads 1 --reading full" "$log"
add 'sundew replay, built-in and 50 rules' "$sundew replay $log --detectors rules --rules $rules-50 --threads 1" "$log"
add 'sundew replay, built-in and 1,000 rules' "$sundew replay $log --detectors rules --rules $rules-1000 --threads 1" "$log"
add 'the same with 50, each line read' "$sundew replay $log --detectors rules --rules $rules-50 --threads 1 --reading full" "$log"
add 'the same with 1,000, each line read' "$sundew replay $log --detectors rules --rules $rules-1000 --threads 1 --reading full" "$log"
if command -v rsigma > /dev/null; then
  add "rsigma, 50 rules" "rsigma engine eval --rules $rules-50 --event @$part" "$part"
  add "rsigma, 1,000 rules" "rsigma engine eval --rules $rules-1000 --event @$part" "$part"
else
  echo 'left out, not installed: rsigma' >&2
fi

times=$(mktemp -d)
trap 'rm -rf "$times"' EXIT
for ((round = 0; round <= rounds; round++)); do
  for i in "${!commands[@]}"; do
    start=$EPOCHREALTIME
    ${commands[$i]} > /dev/null 2>&1 || [ $? -le 1 ]
    # The first round only warms up.
    [ "$round" = 0 ] || echo "$start $EPOCHREALTIME" | awk '{printf "%.4f\n", $2 - $1}' >> "$times/$i"
  done
done
for i in "${!labels[@]}"; do
  sort -n "$times/$i" | awk -v label="${labels[$i]}" -v bytes="${sizes[$i]}" '
    {t[NR] = $1} END {m = t[int((NR + 1) / 2)]; printf "%-55s %8.3f s %8.2f GB/s\n", label, m, bytes / m / 1e9}'
done
/usr/bin/time -f 'most memory, all rules and habits, 1 thread: %M KiB' "$sundew" replay "$log" --threads 1 2>&1 > /dev/null | tail -n 1
