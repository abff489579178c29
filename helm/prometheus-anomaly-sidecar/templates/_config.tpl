{{/* The configuration file: the chart's own, with the values laid over it. */}}
{{- define "prometheus-anomaly-sidecar.config" -}}
{{- $config := .Files.Get "files/config.yaml" | fromYaml }}
{{- $_ := unset $config "prometheus" }}
{{- $config = mergeOverwrite $config (deepCopy .Values.config) }}
{{- $connection := include "prometheus-anomaly-sidecar.connection" . | fromYaml }}
{{- $_ := set $config "prometheus" (mergeOverwrite $connection (default dict $config.prometheus)) }}
{{- with .Values.sharding }}
{{- if .enabled }}
{{- $shard := dict "by" .by "count" (int .count) "index" "${POD_NAME}" }}
{{- $_ := set $config "defaults" (mergeOverwrite (dict "sharding" $shard) (default dict $config.defaults)) }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.connection" -}}
{{- $secrets := include "prometheus-anomaly-sidecar.secretsPath" . }}
{{- with .Values.prometheus -}}
url: {{ required "prometheus.url is empty: set it to the URL of Prometheus, such as http://prometheus-operated:9090" .url | quote }}
{{- with .basicAuth }}
{{- if .existingSecret }}
basic_auth:
  username_file: {{ $secrets }}/basic-auth/{{ .usernameKey }}
  password_file: {{ $secrets }}/basic-auth/{{ .passwordKey }}
{{- end }}
{{- end }}
{{- with .bearerToken }}
{{- if .existingSecret }}
authorization:
  credentials_file: {{ $secrets }}/bearer-token/{{ .key }}
{{- end }}
{{- end }}
{{- with .tls }}
{{- if or .existingSecret .serverName .insecureSkipVerify }}
tls_config:
  insecure_skip_verify: {{ .insecureSkipVerify }}
  {{- with .serverName }}
  server_name: {{ . | quote }}
  {{- end }}
  {{- if and .existingSecret .caKey }}
  ca_file: {{ $secrets }}/tls/{{ .caKey }}
  {{- end }}
  {{- if and .existingSecret .certKey }}
  cert_file: {{ $secrets }}/tls/{{ .certKey }}
  key_file: {{ $secrets }}/tls/{{ .keyKey }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .headers }}
http_headers:
  {{- range $name, $value := . }}
  {{ $name | quote }}:
    values: [{{ $value | quote }}]
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.secretsPath" -}}
/etc/sidecar-secrets
{{- end }}

{{/* The Secrets that credentials come from, by the directory they are mounted in. */}}
{{- define "prometheus-anomaly-sidecar.secrets" -}}
{{- with .Values.prometheus.basicAuth.existingSecret }}
basic-auth: {{ . | quote }}
{{- end }}
{{- with .Values.prometheus.bearerToken.existingSecret }}
bearer-token: {{ . | quote }}
{{- end }}
{{- with .Values.prometheus.tls.existingSecret }}
tls: {{ . | quote }}
{{- end }}
{{- end }}
