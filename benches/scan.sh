#!/usr/bin/env bash
# Scans generated clusters of growing size with sundew scan and prints, for each, the least time of ROUNDS runs, the
# most memory of any, and the time for n·log2(n) as a multiple of the first's: it stays near 1 where cost grows no
# faster. Usage: benches/scan.sh [ROUNDS] [SCALE...]   (scale 1.0: 10,000 roles, 50,000 bindings, 100,000 pods)
# FORM=kubectl scans what kubectl prints in place of the API server's own lists. OUTPUT is the format that is written.
# Where KUBISCAN names a checkout of KubiScan with its packages in venv/ or for python3, both scan one cluster (of
# scale KUBISCAN_SCALE), and the ratio is printed. FOLDER keeps the clusters for the next time.
set -euo pipefail
export LC_ALL=C
[ -z "${KUBISCAN:-}" ] || KUBISCAN=$(realpath "$KUBISCAN")
[ -z "${FOLDER:-}" ] || FOLDER=$(realpath "$FOLDER")
cd "$(dirname "$0")/.."
rounds=${1:-5}
shift || true
scales=("$@")
[ ${#scales[@]} -gt 0 ] || scales=(0.1 0.2 0.5 1.0)
output=${OUTPUT:-table}
form=${FORM:-server}
target=${CARGO_TARGET_DIR:-target}
[ -x /usr/bin/time ] || { echo 'GNU time is needed: apt-get install time' >&2; exit 1; }
case $form in
  server) flags=(--compact) ;;
  kubectl) flags=() ;;
  yaml) flags=(--yaml) ;;
  *) echo 'FORM: wants server, kubectl or yaml' >&2; exit 1 ;;
esac

cargo build --release --quiet
cargo build --release --quiet --package sundew-posture --example generate_cluster
sundew=$target/release/sundew
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=${FOLDER:-$work}

# The cluster of a scale and a form, made unless it is there.
cluster() {
  local to=$folder/cluster-$1-$2
  if [ ! -d "$to" ]; then
    rm -rf "$to.part"
    "$target/release/examples/generate_cluster" "$to.part" --scale "$1" "${@:3}"
    mv "$to.part" "$to"
  fi
  echo "$to"
}

# Every object has one resourceVersion, and so has every list. Cutting at commas keeps one-line files out of memory.
objects() {
  local versions lists
  versions=$(cat "$1"/* | tr ',' '\n' | grep -c 'resourceVersion"\?: \?"')
  lists=$(find "$1" -type f | wc -l)
  echo $((versions - lists))
}

# Runs the rest of the arguments once and adds "seconds KiB" to a file. Findings may end a scan with status 1.
measure() {
  local to=$1 status=0 start end
  shift
  start=$EPOCHREALTIME
  /usr/bin/time --quiet -o "$work/peak" -f %M "$@" > "$work/out" 2> "$work/errors" || status=$?
  end=$EPOCHREALTIME
  if [ "$status" -gt 1 ] || [ ! -s "$work/out" ]; then
    echo "failed with status $status: $*" >&2
    tail -n 5 "$work/errors" >&2
    exit 1
  fi
  awk -v a="$start" -v b="$end" '{printf "%.4f %s\n", b - a, $1}' "$work/peak" >> "$to"
}

least() { sort -n "$1" | awk 'NR == 1 {print $1}'; }
most() { awk '$2 > most {most = $2} END {print most}' "$1"; }

printf 'sundew scan --output %s, %s lists, %s rounds, %s processors, least time\n\n' "$output" "$form" "$rounds" "$(nproc)"
printf '%-6s %9s %12s %9s %9s %11s\n' scale objects bytes seconds MB 'n·log2(n)'
first=
for scale in "${scales[@]}"; do
  at=$(cluster "$scale" "$form" ${flags[@]+"${flags[@]}"})
  bytes=$(cat "$at"/* | wc -c)
  count=$(objects "$at")
  times=$work/times-$scale
  for ((round = 0; round < rounds; round++)); do
    measure "$times" "$sundew" scan --from "$at" --output "$output"
  done
  share=$(awk -v s="$(least "$times")" -v n="$count" 'BEGIN {printf "%.15f", s / (n * log(n) / log(2))}')
  first=${first:-$share}
  awk -v l="$scale" -v n="$count" -v b="$bytes" -v s="$(least "$times")" -v m="$(most "$times")" \
    -v h="$share" -v f="$first" 'BEGIN {printf "%-6s %9d %12d %9.3f %9.0f %11s\n", l, n, b, s, m * 1024 / 1e6, sprintf("%.2f", h / f)}'
done

[ -n "${KUBISCAN:-}" ] || exit 0
python=$KUBISCAN/venv/bin/python
[ -x "$python" ] || python=python3
scale=${KUBISCAN_SCALE:-0.7}
[ "$form" != yaml ] || { echo 'KubiScan is compared on JSON only' >&2; exit 1; }
at=$(cluster "$scale" "$form" ${flags[@]+"${flags[@]}"})
# KubiScan reads one file: a JSON array of lists whose items have a kind. It looks at no other kinds than these.
joined=$work/joined.json
same=("$at"/{roles,clusterroles,rolebindings,clusterrolebindings,pods}.json)
"$python" - "$joined" "${same[@]}" <<'PYTHON'
import json, sys
lists = [json.load(open(path)) for path in sys.argv[2:]]
for every in lists:
    for item in every["items"]:
        item.setdefault("kind", every["kind"].removesuffix("List"))
        item.setdefault("apiVersion", every["apiVersion"])
json.dump(lists, open(sys.argv[1], "w"))
PYTHON
measure "$work/theirs" "$python" -W ignore "$KUBISCAN/KubiScan.py" -q -nc -f "$joined" -a
for ((round = 0; round < rounds; round++)); do
  measure "$work/ours" "$sundew" scan --from "${same[@]}" --output "$output"
done
printf '\nscale %s: KubiScan -a once, sundew scan %s times, least time\n\n' "$scale" "$rounds"
printf '%-12s %9s %9s\n' program seconds MB
for program in theirs ours; do
  name=sundew
  [ "$program" = ours ] || name=KubiScan
  awk -v l="$name" -v s="$(least "$work/$program")" -v m="$(most "$work/$program")" \
    'BEGIN {printf "%-12s %9.3f %9.0f\n", l, s, m * 1024 / 1e6}'
done
awk -v a="$(least "$work/theirs")" -v b="$(least "$work/ours")" \
  'BEGIN {printf "%-12s %9.0f\n", "ratio", a / b}'
