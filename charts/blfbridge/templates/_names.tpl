{{- define "blfbridge.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- /* At most 52 characters: a pod's name, which is a DNS label, adds a number, and the hashes of its revision ten. */}}
{{- define "blfbridge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "blfbridge.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "blfbridge.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "blfbridge.selector" -}}
app.kubernetes.io/name: {{ include "blfbridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: bridge
{{- end }}

{{- define "blfbridge.redisSelector" -}}
app.kubernetes.io/name: {{ include "blfbridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: redis
{{- end }}

{{- /* What Services lead to: our pods, or the PBX's. */}}
{{- define "blfbridge.target" -}}
{{- if eq .Values.mode "sidecar" }}
{{- toYaml .Values.sidecarSelector }}
{{- else }}
{{- include "blfbridge.selector" . }}
{{- end }}
{{- end }}

{{- define "blfbridge.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/name: {{ include "blfbridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "blfbridge.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
{{- end }}

{{- define "blfbridge.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "blfbridge.fullname" .) }}
{{- end }}

{{- define "blfbridge.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled }}
{{- include "blfbridge.fullname" . }}-tls
{{- else }}
{{- .Values.tls.existingSecret }}
{{- end }}
{{- end }}

{{- define "blfbridge.adminSecret" -}}
{{ .Values.admin.existingSecret | default (printf "%s-admin" (include "blfbridge.fullname" .)) }}
{{- end }}

{{- define "blfbridge.adminSecretKey" -}}
{{ if .Values.admin.existingSecret }}{{ .Values.admin.existingSecretKey }}{{ else }}token{{ end }}
{{- end }}

{{- /* A password that was made at the first install is kept: dict "root" "secret" "key". */}}
{{- define "blfbridge.kept" -}}
{{- $old := lookup "v1" "Secret" .root.Release.Namespace .secret }}
{{- if and $old (hasKey ($old.data | default dict) .key) }}
{{- index $old.data .key | b64dec }}
{{- else }}
{{- randAlphaNum 32 }}
{{- end }}
{{- end }}
