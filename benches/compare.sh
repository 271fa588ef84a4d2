#!/usr/bin/env bash
# Compares whole processes side by side on one generated audit log in the page cache: sundew replay, ripgrep, jq and
# the plain serde_json path. Every command runs in turn, ROUNDS times, and the medians are printed with the
# throughput and its ratio to ripgrep's. Usage: benches/compare.sh [MEBIBYTES] [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
size=${1:-1024}
rounds=${2:-7}
target=${CARGO_TARGET_DIR:-target}

cargo build --release --quiet
cargo build --release --quiet --package sundew-audit --example generate
mkdir -p "$target/compare"
log=$target/compare/audit-$size.log
[ -f "$log" ] || "$target/release/examples/generate" "$size" "$log"
bytes=$(stat -c %s "$log")
cat "$log" > /dev/null

name=backup-sa-token
decoys=(--decoy "honeypot/backup-sa:$name" --decoy kube-system/tiller:tiller-token-x7k2p)
many=$target/compare/ten-thousand.yaml
if [ ! -f "$many" ]; then
  { echo 'version: 1'; echo 'decoys:'
    for i in $(seq 10000); do echo "- {namespace: team-$((i % 500)), account: runner-$i, placements: [{secret: runner-$i-token}]}"; done
  } > "$many"
fi
sundew=$target/release/sundew

labels=() ; commands=()
add() { labels+=("$1"); commands+=("$2"); }
have() { command -v "$1" > /dev/null || { echo "left out, not installed: $1" >&2; return 1; }; }
have rg && add 'rg -c -F NAME, 1 thread' "rg -j1 -c -F $name $log"
add 'sundew replay, 1 thread' "$sundew replay $log ${decoys[*]} --detectors tripwire --threads 1"
add 'sundew replay, 2 threads' "$sundew replay $log ${decoys[*]} --detectors tripwire --threads 2"
add 'sundew replay, 10,000 decoys, 1 thread' "$sundew replay $log --inventory $many --detectors tripwire --threads 1"
add 'sundew replay --reading full, 1 thread' "$sundew replay $log ${decoys[*]} --detectors tripwire --threads 1 --reading full"
add 'sundew replay --reading full, 2 threads' "$sundew replay $log ${decoys[*]} --detectors tripwire --threads 2 --reading full"
add 'sundew replay --reading plain, 1 thread' "$sundew replay $log ${decoys[*]} --detectors tripwire --threads 1 --reading plain"
jq_filter='select(.user.username == "system:serviceaccount:honeypot:backup-sa" or .impersonatedUser.username == "system:serviceaccount:honeypot:backup-sa" or .objectRef.name == "backup-sa-token") | .auditID'
jq_done=
have jq && jq_done=1

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

# jq takes a minute for a gibibyte: it is run once, on an eighth, and its throughput stands for the whole.
if [ -n "$jq_done" ]; then
  head -c $((bytes / 8)) "$log" | sed '$d' > "$times/part"
  start=$EPOCHREALTIME
  jq -c "$jq_filter" "$times/part" > /dev/null
  labels+=('jq, 1 thread (an eighth, once)')
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.4f\n", (b - a) * 8}' > "$times/${#commands[@]}"
fi

printf '%s bytes, %s rounds, %s processors, medians\n\n' "$bytes" "$rounds" "$(nproc)"
printf '%-44s %9s %9s %9s\n' command seconds GB/s 'to rg'
base=
for i in "${!labels[@]}"; do
  median=$(sort -n "$times/$i" | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}')
  [ -n "$base" ] || { case ${labels[$i]} in rg*) base=$median;; esac; }
  awk -v l="${labels[$i]}" -v m="$median" -v n="$bytes" -v b="${base:-0}" \
    'BEGIN {printf "%-44s %9.3f %9.2f %9s\n", l, m, n / m / 1e9, (b > 0) ? sprintf("%.2f", b / m) : "-"}'
done
if [ -x /usr/bin/time ]; then
  /usr/bin/time -f '\nsundew replay, 2 threads: %M KiB of memory at most' "$sundew" replay "$log" "${decoys[@]}" --detectors tripwire --threads 2 2>&1 > /dev/null | tail -n 1
fi
