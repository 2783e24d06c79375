{{- /* blfbridge.yaml. No secret is in it: they are files beside it. */}}
{{- define "blfbridge.config" -}}
{{- $v := .Values }}
{{- $secrets := "/etc/blfbridge/secrets/" }}

{{- $listen := list }}
{{- range $transport := list "udp" "tcp" "tls" "ws" "wss" }}
{{- with int (index $v.sip.ports $transport) }}
{{- $listen = append $listen (printf "%s://%s:%d" $transport $v.sip.bind .) }}
{{- end }}
{{- end }}
{{- $sip := dict "listen" $listen }}
{{- with include "blfbridge.advertise" . }}
{{- $_ := set $sip "advertise" . }}
{{- end }}
{{- if include "blfbridge.tlsSecret" . }}
{{- $tls := dict "cert_file" (list "/etc/blfbridge/tls/tls.crt") "key_file" (list "/etc/blfbridge/tls/tls.key") }}
{{- with $v.tls.clientCAKey }}
{{- $_ := set $tls "client_auth" "require" }}
{{- $_ := set $tls "client_ca_file" (printf "/etc/blfbridge/tls/%s" .) }}
{{- end }}
{{- $_ := set $sip "tls" $tls }}
{{- end }}

{{- $pbx := list }}
{{- range $v.pbx }}
{{- $one := omit . "password" "existingSecret" "existingSecretKey" }}
{{- if or .password .existingSecret }}
{{- $_ := set $one "password_file" (printf "%spbx-%s" $secrets .name) }}
{{- end }}
{{- $pbx = append $pbx $one }}
{{- end }}

{{- $store := dict "type" "bolt" "path" "/var/lib/blfbridge/blfbridge.db" }}
{{- $replicas := dict "enabled" false }}
{{- if ne $v.store.type "bolt" }}
{{- $r := $v.store.redis }}
{{- $store = dict "type" "redis" "prefix" $v.store.prefix }}
{{- $replicas = dict "enabled" true "name" "${POD_NAME}" }}
{{- if eq $v.store.type "bundled" }}
{{- $_ := set $store "url" (list (printf "redis://%s-redis:6379" (include "blfbridge.fullname" .))) }}
{{- else }}
{{- $_ := set $store "url" $r.url }}
{{- with $r.master }}{{ $_ := set $store "master" . }}{{ end }}
{{- with $r.cluster }}{{ $_ := set $store "cluster" . }}{{ end }}
{{- with $r.username }}{{ $_ := set $store "username" . }}{{ end }}
{{- with $r.sentinelUsername }}{{ $_ := set $store "sentinel_username" . }}{{ end }}
{{- with int $r.waitReplicas }}{{ $_ := set $store "wait_replicas" . }}{{ end }}
{{- $tls := dict }}
{{- with $r.tls.serverName }}{{ $_ := set $tls "server_name" . }}{{ end }}
{{- if $r.tls.existingSecret }}
{{- with $r.tls.caKey }}{{ $_ := set $tls "ca_file" "/etc/blfbridge/redis-tls/ca.crt" }}{{ end }}
{{- with $r.tls.certKey }}
{{- $_ := set $tls "cert_file" "/etc/blfbridge/redis-tls/tls.crt" }}
{{- $_ := set $tls "key_file" "/etc/blfbridge/redis-tls/tls.key" }}
{{- end }}
{{- end }}
{{- with $tls }}{{ $_ := set $store "tls" . }}{{ end }}
{{- end }}
{{- if include "blfbridge.redisPassword" . }}
{{- $_ := set $store "password_file" (printf "%sredis" $secrets) }}
{{- end }}
{{- if include "blfbridge.sentinelPassword" . }}
{{- $_ := set $store "sentinel_password_file" (printf "%ssentinel" $secrets) }}
{{- end }}
{{- end }}

{{- $edge := dict }}
{{- if dig "edge" "enabled" false $v.config }}
{{- $_ := set $edge "advertise" (include "blfbridge.advertiseToPBX" .) }}
{{- end }}
{{- $policy := dict }}
{{- if eq $v.policy.mode "file" }}
{{- $_ := set $policy "file" "/etc/blfbridge/policy/policy.yaml" }}
{{- end }}
{{- $admin := dict "listen" (printf "%s:%d" $v.sip.bind (int $v.admin.port)) "token_file" (printf "%sadmin" $secrets) }}
{{- $c := dict "sip" $sip "pbx" $pbx "store" $store "replicas" $replicas "admin" $admin "log" (dict "format" "json") }}
{{- with $edge }}{{ $_ := set $c "edge" . }}{{ end }}
{{- with $policy }}{{ $_ := set $c "policy" . }}{{ end }}
{{- toYaml (mergeOverwrite $c (deepCopy $v.config)) }}
{{- end }}

{{- /* What phones are told as the bridge's address; empty: the socket's own, which is the pod's. */}}
{{- define "blfbridge.advertise" -}}
{{- $s := .Values.sip.service }}
{{- if .Values.sip.advertise }}
{{- .Values.sip.advertise }}
{{- else if or .Values.sip.hostNetwork (and $s.enabled (eq $s.type "NodePort")) }}
{{- "${HOST_IP}" }}
{{- else if and $s.enabled (eq $s.type "LoadBalancer") }}
{{- if $s.loadBalancerIP }}
{{- $s.loadBalancerIP }}
{{- else }}
{{- $service := lookup "v1" "Service" .Release.Namespace (include "blfbridge.fullname" .) | default dict }}
{{- $given := dig "status" "loadBalancer" "ingress" (list) $service | first | default dict }}
{{- $given.ip | default $given.hostname | default "" }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What PBXs are told as the edge's address. */}}
{{- define "blfbridge.advertiseToPBX" -}}
{{- if .Values.sip.advertiseToPBX }}
{{- .Values.sip.advertiseToPBX }}
{{- else if or .Values.sip.hostNetwork (eq .Values.mode "sidecar") }}
{{- "${HOST_IP}" }}
{{- else -}}
${POD_NAME}.{{ include "blfbridge.fullname" . }}-pods.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end }}
{{- end }}

{{- /* Where each secret comes from, as sources of a projected volume. */}}
{{- define "blfbridge.secretSources" -}}
{{- $own := include "blfbridge.fullname" . }}
- secret:
    name: {{ include "blfbridge.adminSecret" . }}
    items: [{key: {{ include "blfbridge.adminSecretKey" . }}, path: admin}]
{{- range .Values.pbx }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items: [{key: {{ .existingSecretKey | default "password" }}, path: pbx-{{ .name }}}]
{{- else if .password }}
- secret:
    name: {{ $own }}
    items: [{key: pbx-{{ .name }}, path: pbx-{{ .name }}}]
{{- end }}
{{- end }}
{{- with include "blfbridge.redisPassword" . }}
- secret:
    {{- . | nindent 4 }}
{{- end }}
{{- with include "blfbridge.sentinelPassword" . }}
- secret:
    {{- . | nindent 4 }}
{{- end }}
{{- end }}

{{- /* Where Redis's password comes from; empty: it has none. */}}
{{- define "blfbridge.redisPassword" -}}
{{- $r := .Values.store.redis }}
{{- if eq .Values.store.type "bundled" -}}
name: {{ include "blfbridge.fullname" . }}-redis
items: [{key: password, path: redis}]
{{- else if eq .Values.store.type "redis" }}
{{- if and $r.existingSecret $r.passwordKey -}}
name: {{ $r.existingSecret }}
items: [{key: {{ $r.passwordKey }}, path: redis}]
{{- else if and $r.password (not $r.existingSecret) -}}
name: {{ include "blfbridge.fullname" . }}
items: [{key: redis, path: redis}]
{{- end }}
{{- end }}
{{- end }}

{{- define "blfbridge.sentinelPassword" -}}
{{- $r := .Values.store.redis }}
{{- if eq .Values.store.type "redis" }}
{{- if and $r.existingSecret $r.sentinelPasswordKey -}}
name: {{ $r.existingSecret }}
items: [{key: {{ $r.sentinelPasswordKey }}, path: sentinel}]
{{- else if and $r.sentinelPassword (not $r.existingSecret) -}}
name: {{ include "blfbridge.fullname" . }}
items: [{key: sentinel, path: sentinel}]
{{- end }}
{{- end }}
{{- end }}

{{- /* The secrets that values hold, one "key: value" a line; empty: none. */}}
{{- define "blfbridge.ownSecrets" -}}
{{- range .Values.pbx }}
{{- if and .password (not .existingSecret) }}
{{ printf "pbx-%s" .name }}: {{ .password | quote }}
{{- end }}
{{- end }}
{{- $r := .Values.store.redis }}
{{- if and (eq .Values.store.type "redis") (not $r.existingSecret) }}
{{- with $r.password }}
redis: {{ . | quote }}
{{- end }}
{{- with $r.sentinelPassword }}
sentinel: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The policy's home in the cluster, as a volume's source. */}}
{{- define "blfbridge.policySource" -}}
{{- $p := .Values.policy }}
{{- if $p.existingConfigMap -}}
configMap:
  name: {{ $p.existingConfigMap }}
  items: [{key: {{ $p.key }}, path: policy.yaml}]
{{- else -}}
secret:
  secretName: {{ $p.existingSecret | default (printf "%s-policy" (include "blfbridge.fullname" .)) }}
  items: [{key: {{ $p.key }}, path: policy.yaml}]
{{- end }}
{{- end }}
