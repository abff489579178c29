{{/* The pod of the Deployment and of the StatefulSet. */}}
{{- define "prometheus-anomaly-sidecar.podTemplate" -}}
metadata:
  labels:
    {{- include "prometheus-anomaly-sidecar.labels" (list . .Values.podLabels) | nindent 4 }}
  annotations:
    {{- $annotations := include "prometheus-anomaly-sidecar.podAnnotations" . | fromYaml }}
    {{- $_ := set $annotations "kubectl.kubernetes.io/default-container" "anomaly-sidecar" }}
    {{- toYaml (mergeOverwrite $annotations (default dict .Values.podAnnotations)) | nindent 4 }}
spec:
  serviceAccountName: {{ include "prometheus-anomaly-sidecar.serviceAccountName" . | quote }}
  automountServiceAccountToken: {{ .Values.automountServiceAccountToken }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . | quote }}
    {{- end }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- $own := dict "matchLabels" (include "prometheus-anomaly-sidecar.selectorLabels" $ | fromYaml) }}
    {{- range . }}
    - {{- toYaml (merge (deepCopy .) (dict "labelSelector" $own)) | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- with .Values.extraInitContainers }}
  initContainers:
    {{- tpl (toYaml .) $ | nindent 4 }}
  {{- end }}
  containers:
    - {{- include "prometheus-anomaly-sidecar.container" . | nindent 6 }}
    {{- with .Values.extraContainers }}
    {{- tpl (toYaml .) $ | nindent 4 }}
    {{- end }}
  volumes:
    {{- include "prometheus-anomaly-sidecar.volumes" . | nindent 4 }}
{{- end }}
