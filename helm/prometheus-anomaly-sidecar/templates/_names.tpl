{{- define "prometheus-anomaly-sidecar.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
52: the label controller-revision-hash of a StatefulSet's pods is its name with a dash and ten characters, 63 at most.
Where that cuts off what tells two releases apart, a hash stands for it.
*/}}
{{- define "prometheus-anomaly-sidecar.fullname" -}}
{{- $name := include "prometheus-anomaly-sidecar.name" . }}
{{- $own := default .Release.Name .Values.fullnameOverride }}
{{- $alone := or (not (empty .Values.fullnameOverride)) (contains $name .Release.Name) }}
{{- if gt (len $own) 52 }}
{{- printf "%s-%s" ($own | trunc 43 | trimSuffix "-") ($own | sha256sum | trunc 8) }}
{{- else }}
{{- ternary $own (printf "%s-%s" $own $name) $alone | trunc 52 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.serviceAccountName" -}}
{{- default (ternary (include "prometheus-anomaly-sidecar.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{- define "prometheus-anomaly-sidecar.selectorLabels" -}}
app.kubernetes.io/name: {{ include "prometheus-anomaly-sidecar.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/*
Labels of a resource, the more specific over the more general; none takes the place of what selectors go by.
Takes a list: root, labels of this resource alone.
*/}}
{{- define "prometheus-anomaly-sidecar.labels" -}}
{{- $own := index . 1 }}
{{- with index . 0 }}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- $labels := dict "helm.sh/chart" $chart }}
{{- $_ := set $labels "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $labels "app.kubernetes.io/component" "anomaly-detection" }}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .Release.Service }}
{{- $selected := include "prometheus-anomaly-sidecar.selectorLabels" . | fromYaml }}
{{- toYaml (mergeOverwrite $labels (default dict .Values.commonLabels) (default dict $own) $selected) }}
{{- end }}
{{- end }}

{{/*
Name, namespace and labels of a resource.
Takes a dictionary: root, and where they differ name, namespace, labels, annotations.
*/}}
{{- define "prometheus-anomaly-sidecar.metadata" -}}
name: {{ default (include "prometheus-anomaly-sidecar.fullname" .root) .name | quote }}
namespace: {{ default (include "prometheus-anomaly-sidecar.namespace" .root) .namespace | quote }}
labels:
  {{- include "prometheus-anomaly-sidecar.labels" (list .root .labels) | nindent 2 }}
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
