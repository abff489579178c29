{{- define "prometheus-anomaly-sidecar.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- $name := include "prometheus-anomaly-sidecar.name" . }}
{{- /* 52: the ordinal of a StatefulSet's pod and the revision hash in its labels need the rest of the 63. */}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.serviceAccountName" -}}
{{- default (ternary (include "prometheus-anomaly-sidecar.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.selectorLabels" -}}
app.kubernetes.io/name: {{ include "prometheus-anomaly-sidecar.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "prometheus-anomaly-sidecar.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: anomaly-detection
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Name, namespace and labels of a resource. Takes a dictionary: root, and where they differ namespace, labels, annotations. */}}
{{- define "prometheus-anomaly-sidecar.metadata" -}}
name: {{ include "prometheus-anomaly-sidecar.fullname" .root }}
namespace: {{ default (include "prometheus-anomaly-sidecar.namespace" .root) .namespace }}
labels:
  {{- include "prometheus-anomaly-sidecar.labels" .root | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.image" -}}
{{- with default .Values.image.registry .Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{- .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- with .Values.image.digest }}@{{ . }}{{ end -}}
{{- end }}

{{/* A path under the route prefix. Takes a list: root, path. */}}
{{- define "prometheus-anomaly-sidecar.path" -}}
{{- printf "%s%s" (trimSuffix "/" (index . 0).Values.web.routePrefix) (index . 1) }}
{{- end }}
