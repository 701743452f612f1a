{{- define "packetboat.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "packetboat.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "packetboat.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "packetboat.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Called with {root, component}. */}}
{{- define "packetboat.selector" -}}
app.kubernetes.io/name: {{ include "packetboat.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "packetboat.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{ include "packetboat.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: packetboat
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end }}

{{- define "packetboat.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end }}
{{- end }}
{{- end }}

{{- define "packetboat.operatorNamespaces" -}}
{{- default (list .Release.Namespace) .Values.operator.namespaces | uniq | join "," }}
{{- end }}

{{- /* Pod Security "restricted", with a read-only root filesystem. */}}
{{- define "packetboat.podSecurity" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "packetboat.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- /* The environment variable with the URL of a backend. Called with {root, name: mongodb|nats|redis}. */}}
{{- define "packetboat.backendEnv" -}}
{{- $backend := index .root.Values .name }}
{{- $variable := upper .name }}
- name: {{ $variable }}_URL
{{- if $backend.existingSecret.name }}
  valueFrom: {secretKeyRef: {name: {{ $backend.existingSecret.name | quote }}, key: {{ $backend.existingSecret.key | quote }}}}
{{- else if $backend.url }}
  value: {{ $backend.url | quote }}
{{- else if .root.Values.dev.enabled }}
  {{- $host := printf "%s-dev-%s" (include "packetboat.fullname" .root) .name }}
  value: {{ dict "mongodb" (printf "mongodb://%s:27017/packetboat?directConnection=true" $host) "nats" (printf "nats://%s:4222" $host) "redis" (printf "redis://%s:6379" $host) | dig .name "" | quote }}
{{- else }}
  {{- fail (printf "%s.url: is missing. Set the URL or %s.existingSecret; for a trial, set dev.enabled=true" .name .name) }}
{{- end }}
{{- if $backend.caSecret.name }}
- name: {{ $variable }}_CA_FILE
  value: /etc/packetboat/{{ .name }}/ca.crt
{{- end }}
{{- end }}

{{- define "packetboat.keyringSecret" -}}
{{- if .Values.keyring.existingSecret }}{{ .Values.keyring.existingSecret }}
{{- else if .Values.dev.enabled }}{{ include "packetboat.fullname" . }}-dev-keyring
{{- else }}
{{- fail "keyring.existingSecret: is missing. docs/kubernetes.md describes how to create the Secret; for a trial, dev.enabled=true generates one" }}
{{- end }}
{{- end }}

{{- define "packetboat.bootstrapSecret" -}}
{{- if .Values.bootstrapKey.existingSecret.name }}{{ .Values.bootstrapKey.existingSecret.name }}
{{- else if .Values.dev.enabled }}{{ include "packetboat.fullname" . }}-dev-key
{{- end }}
{{- end }}

{{- define "packetboat.tlsSecret" -}}
{{- $own := (index .root.Values.tls .component).existingSecret }}
{{- if $own }}{{ $own }}
{{- else if .root.Values.tls.certManager.enabled }}{{ include "packetboat.fullname" .root }}-{{ .component }}-tls
{{- else }}
{{- fail (printf "tls.%s.existingSecret: is missing. Set the Secret, or tls.certManager.enabled=true" .component) }}
{{- end }}
{{- end }}

{{- define "packetboat.gatewayName" -}}
{{ include "packetboat.fullname" . }}-gateway.{{ .Release.Namespace }}.svc
{{- end }}

{{- define "packetboat.publicUrl" -}}
{{- $ingress := .Values.ingress -}}
{{- if .Values.config.publicUrl -}}
{{ .Values.config.publicUrl }}
{{- else if and $ingress.enabled $ingress.hosts -}}
{{ if $ingress.tls }}https{{ else }}http{{ end }}://{{ first $ingress.hosts }}
{{- end -}}
{{- end }}

{{- /* Environment and volume mounts of a program's container: first its settings, then its Secrets. Called with {root, component}. */}}
{{- define "packetboat.env" -}}
{{- $root := .root }}
{{- $component := .component }}
{{- $values := $root.Values }}
- name: PACKETBOAT_METRICS_ADDR
  value: 0.0.0.0:9100
- name: PACKETBOAT_LOG_LEVEL
  value: {{ $values.config.logLevel }}
{{- if eq $component "gateway" }}
- name: PACKETBOAT_HTTP_ADDR
  value: 0.0.0.0:8080
{{- with include "packetboat.publicUrl" $root }}
- name: PACKETBOAT_PUBLIC_URL
  value: {{ . | quote }}
{{- end }}
- name: PACKETBOAT_INGEST_ADDR
  value: dns:///{{ include "packetboat.fullname" $root }}-ingest.{{ $root.Release.Namespace }}.svc:9090
- name: PACKETBOAT_CONNECTIONS_PER_ADDRESS
  value: {{ int $values.gateway.connectionsPerAddress | quote }}
{{- with $values.config.trustedProxies }}
- name: PACKETBOAT_TRUSTED_PROXIES
  value: {{ join "," . | quote }}
{{- end }}
{{- with $values.gateway.corsOrigins }}
- name: PACKETBOAT_CORS_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- if eq $component "ingest" }}
- name: PACKETBOAT_GRPC_ADDR
  value: 0.0.0.0:9090
{{- with include "packetboat.bootstrapSecret" $root }}
- name: PACKETBOAT_BOOTSTRAP_KEY
  valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: {{ $values.bootstrapKey.existingSecret.key | quote }}}}
- name: PACKETBOAT_BOOTSTRAP_TENANT
  value: {{ default $root.Release.Namespace $values.bootstrapKey.tenant | quote }}
- name: PACKETBOAT_BOOTSTRAP_REQUESTS_PER_MINUTE
  value: {{ int $values.bootstrapKey.requestsPerMinute | quote }}
{{- end }}
{{- end }}
{{- if eq $component "dispatcher" }}
{{- with $values.config.relay }}
- name: PACKETBOAT_RELAY
  value: {{ . | quote }}
{{- end }}
{{- with $values.config.allowCidrs }}
- name: PACKETBOAT_ALLOW_CIDRS
  value: {{ join "," . | quote }}
{{- else }}
{{- if $values.dev.enabled }}
- name: PACKETBOAT_ALLOW_CIDRS
  value: 10.0.0.0/8,172.16.0.0/12,192.168.0.0/16
{{- end }}
{{- end }}
{{- end }}
{{- if eq $component "operator" }}
{{- $named := list }}
{{- range $values.operator.extraEnv }}{{ $named = append $named .name }}{{ end }}
{{- if not (has "MALLOC_ARENA_MAX" $named) }}
- name: MALLOC_ARENA_MAX
  value: "2"
{{- end }}
- name: PACKETBOAT_NAMESPACE
  value: {{ $root.Release.Namespace }}
- name: PACKETBOAT_NAMESPACES
  value: {{ include "packetboat.operatorNamespaces" $root | quote }}
- name: PACKETBOAT_CLUSTER
  value: {{ $values.config.cluster }}
- name: PACKETBOAT_ALLOW_MASS_RETIRE
  value: {{ $root.Values.operator.allowMassRetire | quote }}
- name: PACKETBOAT_LEASE_NAME
  value: {{ include "packetboat.fullname" $root }}-operator
- name: PACKETBOAT_IDENTITY
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- with $values.config.dnsServers }}
- name: PACKETBOAT_DNS_SERVERS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- if and $values.config.installation (has $component (list "ingest" "dispatcher" "sweeper")) }}
- name: PACKETBOAT_INSTALLATION
  value: {{ $values.config.installation | quote }}
{{- end }}
{{- if has $component (list "ingest" "dispatcher" "operator") }}
- name: PACKETBOAT_KEYRING_FILE
  value: /etc/packetboat/keyring
{{- end }}
{{- range include "packetboat.backendsOf" . | fromJsonArray }}
{{ include "packetboat.backendEnv" (dict "root" $root "name" .) }}
{{- end }}
{{- if and $values.tls.enabled (has $component (list "gateway" "ingest")) }}
- name: PACKETBOAT_TLS_CERT_FILE
  value: /etc/packetboat/tls/tls.crt
- name: PACKETBOAT_TLS_KEY_FILE
  value: /etc/packetboat/tls/tls.key
- name: PACKETBOAT_TLS_CA_FILE
  value: /etc/packetboat/tls/ca.crt
{{- if eq $component "ingest" }}
- name: PACKETBOAT_TLS_PEER_NAMES
  value: {{ default (list (include "packetboat.gatewayName" $root)) $values.tls.peerNames | join "," | quote }}
{{- end }}
{{- end }}
{{- with (index $values $component).extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The backends of a program, as a JSON list. */}}
{{- define "packetboat.backendsOf" -}}
{{- dict "gateway" list "ingest" (list "mongodb" "nats" "redis") "dispatcher" (list "mongodb" "nats" "redis") "sweeper" (list "mongodb" "nats") "operator" (list "mongodb" "nats") | dig .component list | toJson }}
{{- end }}

{{- define "packetboat.purposesOf" -}}
{{- dict "ingest" (list "suppression" "cursor") "dispatcher" (list "suppression" "return" "catalog") "operator" (list "catalog") | dig .component list | toJson }}
{{- end }}

{{- define "packetboat.mounts" -}}
{{- $values := .root.Values }}
{{- if eq .component "gateway" }}
- {name: data, mountPath: /data}
{{- end }}
{{- if include "packetboat.purposesOf" . | fromJsonArray }}
- {name: keyring, mountPath: /etc/packetboat/keyring, readOnly: true}
{{- end }}
{{- range include "packetboat.backendsOf" . | fromJsonArray }}
{{- if (index $values .).caSecret.name }}
- {name: {{ . }}-ca, mountPath: /etc/packetboat/{{ . }}, readOnly: true}
{{- end }}
{{- end }}
{{- if and $values.tls.enabled (has .component (list "gateway" "ingest")) }}
- {name: tls, mountPath: /etc/packetboat/tls, readOnly: true}
{{- end }}
{{- end }}

{{- define "packetboat.volumes" -}}
{{- $values := .root.Values }}
{{- if eq .component "gateway" }}
- name: data
  emptyDir: {sizeLimit: 2Gi}
{{- end }}
{{- with include "packetboat.purposesOf" . | fromJsonArray }}
- name: keyring
  secret:
    secretName: {{ include "packetboat.keyringSecret" $.root }}
    defaultMode: 0440
    items:
      {{- range . }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end }}
{{- range include "packetboat.backendsOf" . | fromJsonArray }}
{{- $ca := (index $values .).caSecret }}
{{- if $ca.name }}
- name: {{ . }}-ca
  secret:
    secretName: {{ $ca.name }}
    defaultMode: 0440
    items:
      - {key: {{ $ca.key | quote }}, path: ca.crt}
{{- end }}
{{- end }}
{{- if and $values.tls.enabled (has .component (list "gateway" "ingest")) }}
- name: tls
  secret: {secretName: {{ include "packetboat.tlsSecret" . | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
