{{- /* Rolls the pods when what they read at their start has changed. */}}
{{- define "blfbridge.podAnnotations" -}}
checksum/config: {{ include "blfbridge.config" . | sha256sum }}
checksum/secrets: {{ list (include "blfbridge.ownSecrets" .) .Values.admin.token .Values.store.bundled.password | toJson | sha256sum }}
{{- if eq .Values.policy.mode "file" }}
checksum/policy: {{ toJson .Values.policy.document | sha256sum }}
{{- end }}
{{- end }}

{{- define "blfbridge.container" -}}
name: blfbridge
image: {{ include "blfbridge.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/blfbridge/blfbridge.yaml]
env:
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
ports:
{{- range $transport, $port := .Values.sip.ports }}
{{- if $port }}
- {name: sip-{{ $transport }}, containerPort: {{ $port }}, protocol: {{ if eq $transport "udp" }}UDP{{ else }}TCP{{ end }}}
{{- end }}
{{- end }}
- {name: admin, containerPort: {{ .Values.admin.port }}}
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  {{- toYaml .Values.probes.readiness | nindent 2 }}
livenessProbe:
  httpGet: {path: /healthz, port: admin}
  {{- toYaml .Values.probes.liveness | nindent 2 }}
lifecycle:
  preStop: {sleep: {seconds: {{ .Values.drain.sleepSeconds }}}}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.containerSecurityContext | nindent 2 }}
volumeMounts:
- {name: config, mountPath: /etc/blfbridge/blfbridge.yaml, subPath: blfbridge.yaml, readOnly: true}
- {name: secrets, mountPath: /etc/blfbridge/secrets, readOnly: true}
{{- if include "blfbridge.tlsSecret" . }}
- {name: tls, mountPath: /etc/blfbridge/tls, readOnly: true}
{{- end }}
{{- if and (eq .Values.store.type "redis") .Values.store.redis.tls.existingSecret }}
- {name: redis-tls, mountPath: /etc/blfbridge/redis-tls, readOnly: true}
{{- end }}
{{- if eq .Values.policy.mode "file" }}
- {name: policy, mountPath: /etc/blfbridge/policy, readOnly: true}
{{- end }}
{{- if eq .Values.store.type "bolt" }}
- {name: data, mountPath: /var/lib/blfbridge}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* All volumes but data, which is the StatefulSet's own where it persists. */}}
{{- define "blfbridge.volumes" -}}
- name: config
  configMap: {name: {{ include "blfbridge.fullname" . }}}
- name: secrets
  projected:
    defaultMode: {{ if eq .Values.mode "sidecar" }}0444{{ else }}0440{{ end }}
    sources:
    {{- include "blfbridge.secretSources" . | nindent 4 }}
{{- with include "blfbridge.tlsSecret" . }}
- name: tls
  secret: {secretName: {{ . }}, defaultMode: {{ if eq $.Values.mode "sidecar" }}0444{{ else }}0440{{ end }}}
{{- end }}
{{- $r := .Values.store.redis.tls }}
{{- if and (eq .Values.store.type "redis") $r.existingSecret }}
- name: redis-tls
  secret:
    secretName: {{ $r.existingSecret }}
    defaultMode: {{ if eq .Values.mode "sidecar" }}0444{{ else }}0440{{ end }}
    items:
    {{- with $r.caKey }}
    - {key: {{ . }}, path: ca.crt}
    {{- end }}
    {{- with $r.certKey }}
    - {key: {{ . }}, path: tls.crt}
    - {key: {{ $r.keyKey }}, path: tls.key}
    {{- end }}
{{- end }}
{{- if eq .Values.policy.mode "file" }}
- name: policy
  {{- include "blfbridge.policySource" . | nindent 2 }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* For a PBX's own pod: a container, its volumes and annotations, all for lists or maps that begin in column 1. */}}
{{- define "blfbridge.sidecar.container" -}}
- {{ include "blfbridge.container" . | nindent 2 | trim }}
{{- end }}

{{- define "blfbridge.sidecar.volumes" -}}
{{ include "blfbridge.volumes" . }}
{{- if eq .Values.store.type "bolt" }}
- name: data
  {{- if .Values.store.bolt.persistent }}
  persistentVolumeClaim: {claimName: {{ include "blfbridge.fullname" . }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- end }}

{{- define "blfbridge.sidecar.annotations" -}}
{{ include "blfbridge.podAnnotations" . }}
{{- end }}
