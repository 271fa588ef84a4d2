#!/usr/bin/env bash
# Checks the chart and the plain manifests. What it needs and does not find it says was SKIPPED.
#
#   deploy/check.sh                       renders with every values file, and holds manifests/ against the chart
#   deploy/check.sh --write               renders manifests/ again
#   deploy/check.sh --kubeconfig FILE     a server-side dry-run too; makes the namespaces it needs, and takes them away
#   KUBECONFIG is taken as well; --server URL and further arguments go to kubectl.
set -euo pipefail
cd "$(dirname "$0")"

chart=helm/sundew
namespace=log-relay
# Those of ci/cluster-values.yaml, and kube-system, which is always there.
more=(tools)
write=''
ask=()
while [ $# -gt 0 ]; do
  case $1 in
  --write) write=yes ;;
  --kubeconfig | --server | --token | --certificate-authority | --context)
    ask+=("$1=${2:?$1 needs a value}")
    shift
    ;;
  --*=*) ask+=("$1") ;;
  *)
    echo "unknown argument $1" >&2
    exit 2
    ;;
  esac
  shift
done

work=$(mktemp -d)
made=()
leave() {
  for name in "${made[@]}"; do
    kubectl "${ask[@]}" delete namespace "$name" --wait=false > /dev/null || true
  done
  rm -rf "$work"
}
trap leave EXIT
failed=0
bad() {
  echo "FAILED: $*"
  failed=1
}

# Renders the chart with a values file and further arguments.
render() { helm template log-relay "$chart" --namespace "$namespace" -f "$@"; }
# Without the comments that say which template a document is from.
plain() { sed '/^# Source: /d;/^---$/d'; }
# The files that are rendered into manifests/.
render_plain() {
  local template name
  render helm/plain-values.yaml --output-dir "$work/plain" > /dev/null
  for template in "$work"/plain/sundew/templates/*.yaml; do
    name=$(basename "$template")
    plain < "$template" > "$1/$name"
  done
}

# What must be refused: the words that the message must have, then what is set.
refused() {
  local words=$1 said
  shift
  if said=$(render helm/plain-values.yaml "$@" 2>&1); then
    bad "accepted: $*"
  elif [[ $said != *"$words"* ]]; then
    bad "refused without the words '$words': $*: $said"
  fi
}

if command -v helm > /dev/null; then
  # Helm holds values against values.schema.json whenever it renders.
  if [ -n "$write" ]; then
    render_plain manifests
    echo "written: $(cd manifests && echo *.yaml)"
  fi
  helm lint --quiet --strict "$chart" -f helm/plain-values.yaml || bad "helm lint"
  for values in helm/plain-values.yaml "$chart"/ci/*-values.yaml; do
    name=$(basename "$values" -values.yaml)
    render "$values" > "$work/$name.yaml" || bad "$values does not render"
    # An intruder who reads objects must not learn what this is.
    if plain < "$work/$name.yaml" | grep -inE 'sundew|decoy|bait|honey|tripwire|resourceNames'; then
      bad "$values: an object tells what it is"
    fi
    echo "ok: rendered $values"
  done

  refused 'inventory.existingSecret is not set' --set inventory.existingSecret=
  refused 'image.repository is not set' --set image.repository=
  refused 'no source is enabled' --set source.webhook.enabled=false
  refused 'from anybody' --set source.webhook.tokenSecret=
  refused 'webhookFrom is empty' --set networkPolicy.webhookFrom=null
  refused 'networkPolicy.sinks is empty' --set networkPolicy.sinks=null
  refused 'networkPolicy.apiServer is empty' --set source.cluster.enabled=true
  refused 'has no rights' --set source.cluster.enabled=true,source.cluster.secrets=true
  refused 'nobody would use' --set 'tripwire.namespaces={tools}'
  refused 'a store on each node' --set kind=DaemonSet
  refused 'needs kind Deployment' --set kind=DaemonSet,persistence.type=emptyDir
  # These are the schema's.
  refused 'inventroy' --set inventroy.existingSecret=x
  refused 'kind' --set kind=StatefulSet
  refused 'webhookFrom' --set 'networkPolicy.webhookFrom={10.0.0.10}'
  refused 'accessModes' --set 'persistence.accessModes={ReadWriteMany}'
  echo 'ok: what is wrong is refused'

  mkdir "$work/held"
  render_plain "$work/held"
  for file in "$work"/held/*.yaml; do
    diff -u "manifests/$(basename "$file")" "$file" || bad 'manifests/ is not what the chart renders: deploy/check.sh --write'
  done
  for file in manifests/*.yaml; do
    case $(basename "$file") in kustomization.yaml | namespace.yaml) continue ;; esac
    [ -f "$work/held/$(basename "$file")" ] || bad "$file is not rendered by the chart"
  done
  echo 'ok: manifests are what the chart renders'
else
  echo 'SKIPPED: the chart; helm is not installed'
fi

if ! command -v kubectl > /dev/null; then
  echo 'SKIPPED: kustomize and the server-side dry-run; kubectl is not installed'
  exit "$failed"
fi
if kubectl kustomize manifests > "$work/kustomized.yaml"; then
  echo 'ok: kustomized'
else
  bad 'manifests/ is no kustomization'
fi

if [ ${#ask[@]} -eq 0 ] && [ -z "${KUBECONFIG:-}" ]; then
  echo 'SKIPPED: the server-side dry-run; give --kubeconfig FILE, or set KUBECONFIG'
  exit "$failed"
fi
# A dry-run makes nothing, so that what is in a namespace needs it to be there before.
for name in "$namespace" "${more[@]}"; do
  phase=$(kubectl "${ask[@]}" get namespace "$name" --ignore-not-found -o 'jsonpath={.status.phase}')
  if [ "$phase" = Terminating ]; then
    echo "FAILED: namespace $name is being deleted; try again when it is gone"
    exit 1
  fi
  [ -z "$phase" ] || continue
  kubectl "${ask[@]}" create namespace "$name" > /dev/null
  made+=("$name")
done
if [[ " ${made[*]} " == *" $namespace "* ]]; then
  kubectl "${ask[@]}" label namespace "$namespace" pod-security.kubernetes.io/warn=restricted > /dev/null
fi
for file in "$work"/*.yaml; do
  name=$(basename "$file" .yaml)
  if ! kubectl "${ask[@]}" apply --dry-run=server --validate=strict -f "$file" > "$work/said" 2>&1; then
    cat "$work/said"
    bad "$name: refused by the API server"
  # What reads a node's files cannot be restricted; everything else is.
  elif grep -i '^Warning: .*PodSecurity' "$work/said" && [[ $name != file && $name != daemonset ]]; then
    bad "$name: against the Pod Security Standard 'restricted'"
  else
    echo "ok: the API server takes $name: $(grep -c 'dry run' "$work/said") objects"
  fi
done
exit "$failed"
