{{/* What every object is called: never the chart's own name. */}}
{{- define "it.name" -}}
{{- .Values.nameOverride | default .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "it.selector" -}}
app.kubernetes.io/name: {{ include "it.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "it.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "it.name" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "it.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the pod asks the API with its own account. */}}
{{- define "it.ownAccount" -}}
{{- if and .Values.source.cluster.enabled (not .Values.source.cluster.kubeconfigSecret) -}}yes{{- end -}}
{{- end -}}

{{- define "it.root" -}}
{{- if and .Values.source.file.enabled .Values.source.file.runAsRoot -}}yes{{- end -}}
{{- end -}}

{{/* Stops with what is wrong and what to do. */}}
{{- define "it.check" -}}
{{- $v := .Values -}}
{{- $s := $v.source -}}
{{- if not $v.inventory.existingSecret -}}
{{- fail "inventory.existingSecret is not set: put the inventory into a Secret (kubectl create secret generic NAME --from-file=inventory.yaml) and give its name; the chart never holds decoys itself" -}}
{{- end -}}
{{- if not $v.image.repository -}}
{{- fail "image.repository is not set: no image is published; build deploy/Containerfile, push it, and name it" -}}
{{- end -}}
{{- if not (or $s.webhook.enabled $s.file.enabled $s.cluster.enabled) -}}
{{- fail "no source is enabled: set source.webhook.enabled, source.file.enabled or source.cluster.enabled" -}}
{{- end -}}
{{- if $s.webhook.enabled -}}
{{- if not $s.webhook.tlsSecret -}}
{{- fail "source.webhook.tlsSecret is not set: it names a Secret of type kubernetes.io/tls" -}}
{{- end -}}
{{- if not (or $s.webhook.tokenSecret $s.webhook.clientCaSecret) -}}
{{- fail "source.webhook would take events from anybody: set source.webhook.tokenSecret, source.webhook.clientCaSecret or both" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.webhookFrom) -}}
{{- fail "networkPolicy.webhookFrom is empty: nobody could post to the webhook; give the addresses of the API servers, such as [10.0.0.10/32]" -}}
{{- end -}}
{{- end -}}
{{- if $s.cluster.enabled -}}
{{- if and $s.cluster.secrets (not $s.cluster.kubeconfigSecret) (not $v.tripwire.namespaces) -}}
{{- fail "source.cluster.secrets has no rights: set source.cluster.kubeconfigSecret to an identity from outside, or tripwire.namespaces and read its price in docs/deploy.md" -}}
{{- end -}}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.apiServer) -}}
{{- fail "networkPolicy.apiServer is empty: source.cluster could not reach the API server; see kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes" -}}
{{- end -}}
{{- if eq $v.kind "DaemonSet" -}}
{{- fail "source.cluster needs kind Deployment: several pods would each tell, and each set the label back; install the chart a second time for it" -}}
{{- end -}}
{{- end -}}
{{- if and $v.tripwire.namespaces (or (not $s.cluster.enabled) (not $s.cluster.secrets) $s.cluster.kubeconfigSecret) -}}
{{- fail "tripwire.namespaces gives rights that nobody would use: it needs source.cluster.enabled and source.cluster.secrets, and no source.cluster.kubeconfigSecret" -}}
{{- end -}}
{{- if and $v.config.drill (not $s.cluster.enabled) -}}
{{- fail "config.drill needs source.cluster.enabled: a drill asks the API" -}}
{{- end -}}
{{- if eq $v.kind "DaemonSet" -}}
{{- if eq $v.persistence.type "claim" -}}
{{- fail "a DaemonSet needs a store on each node: set persistence.type to hostPath (or emptyDir)" -}}
{{- end -}}
{{- if $s.webhook.enabled -}}
{{- fail "source.webhook needs kind Deployment: batches of one intruder would go to several stores" -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.persistence.type "hostPath") (not $v.persistence.hostPath) -}}
{{- fail "persistence.hostPath is not set: it names the store's folder on the node" -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
{{- range $v.sinks -}}
{{- if and (has .type (list "slack" "webhook")) (not $v.networkPolicy.sinks) -}}
{{- fail (printf "networkPolicy.sinks is empty: sink %s could not be reached; give its address and port, such as {cidr: 0.0.0.0/0, port: 443}" .name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* config.yaml */}}
{{- define "it.config" -}}
{{- $s := .Values.source -}}
version: 1
cluster: {{ .Values.cluster | toJson }}
inventory: /inventory/inventory.yaml
{{- if .Values.posture.existingSecret }}
posture: /posture/posture.json
{{- end }}
store: /data/store.db
sources:
{{- with $s.webhook }}
{{- if .enabled }}
- type: webhook
  name: {{ .name | toJson }}
  listen: 0.0.0.0:9443
  certFile: /webhook/tls/tls.crt
  keyFile: /webhook/tls/tls.key
  {{- if .tokenSecret }}
  tokenFile: /webhook/token/token
  {{- end }}
  {{- if .clientCaSecret }}
  clientCaFile: /webhook/ca/ca.crt
  {{- end }}
  {{- if .maxBody }}
  maxBody: {{ int64 .maxBody }}
  {{- end }}
  {{- if .silence }}
  silence: {{ .silence }}
  {{- end }}
{{- end }}
{{- end }}
{{- with $s.file }}
{{- if .enabled }}
- type: file
  name: {{ .name | toJson }}
  path: {{ printf "/logs/%s" .file | toJson }}
  start: {{ .start }}
  {{- if .silence }}
  silence: {{ .silence }}
  {{- end }}
{{- end }}
{{- end }}
{{- with $s.cluster }}
{{- if .enabled }}
- type: cluster
  name: {{ .name | toJson }}
  {{- if .kubeconfigSecret }}
  kubeconfig: /kubeconfig/kubeconfig
  {{- end }}
  {{- if .context }}
  context: {{ .context | toJson }}
  {{- end }}
  pods: {{ .pods }}
  secrets: {{ .secrets }}
  {{- if .silence }}
  silence: {{ .silence }}
  {{- end }}
{{- end }}
{{- end }}
sinks:
{{- if .Values.sinks }}
{{ toYaml .Values.sinks }}
{{- else }} []
{{- end }}
{{- with .Values.config.incidents }}
incidents:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.config.drill }}
drill:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
