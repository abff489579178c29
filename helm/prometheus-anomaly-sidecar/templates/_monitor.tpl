{{/*
How the sidecar is scraped, the same for ServiceMonitor and PodMonitor. The gauges of a series keep the labels of their
source (honorLabels), and the labels of the sidecar's own pod must not fill in those that the source lacks: they are set
aside under another name and given back to the sidecar's own metrics alone.
*/}}
{{- define "prometheus-anomaly-sidecar.endpoint" -}}
{{- $labels := list "namespace" "pod" "container" "service" "endpoint" -}}
port: {{ include "prometheus-anomaly-sidecar.portName" . }}
path: {{ include "prometheus-anomaly-sidecar.path" (list . "/metrics") }}
honorLabels: true
{{- with .Values.serviceMonitor }}
scheme: {{ .scheme }}
{{- with .tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
relabelings:
  - action: replace
    targetLabel: job
    replacement: {{ .job | quote }}
  {{- with .relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  - action: labelmap
    regex: ({{ join "|" $labels }})
    replacement: anomaly_sidecar_$1
  - action: labeldrop
    regex: {{ join "|" $labels }}
metricRelabelings:
  {{- range $labels }}
  - action: replace
    sourceLabels: [__name__, anomaly_sidecar_{{ . }}]
    regex: (?:anomaly_sidecar|process|python)_[^;]*;(.+)
    targetLabel: {{ . }}
    replacement: $1
  {{- end }}
  - action: labeldrop
    regex: anomaly_sidecar_(?:{{ join "|" $labels }})
  {{- with .metricRelabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{/*
The groups of `files/rules`, without the alerts that are disabled and with the labels that are added. Those are added to
the alerts of `rules` as well, which keep what they say themselves.
*/}}
{{- define "prometheus-anomaly-sidecar.ruleGroups" -}}
{{- $root := . }}
{{- $values := .Values.prometheusRule }}
{{- $added := dict }}
{{- with $values.additionalRuleLabels }}
{{- $added = dict "labels" . }}
{{- end }}
{{- $groups := list }}
{{- $alerts := list }}
{{- range $path, $_ := .Files.Glob "files/rules/*.yaml" }}
{{- range ($root.Files.Get $path | fromYaml).groups }}
{{- $rules := list }}
{{- range .rules }}
{{- with .alert }}
{{- $alerts = append $alerts . }}
{{- end }}
{{- if not (has (default "" .alert) $values.disabledAlerts) }}
{{- $rules = append $rules (merge (ternary (deepCopy $added) dict (hasKey . "alert")) .) }}
{{- end }}
{{- end }}
{{- if $rules }}
{{- $groups = append $groups (merge (dict "rules" $rules) .) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $values.disabledAlerts }}
{{- if not (has . $alerts) }}
{{- fail (printf "prometheusRule.disabledAlerts: there is no alert %s, only %s" . (join ", " $alerts)) }}
{{- end }}
{{- end }}
{{- with $values.rules }}
{{- $rules := list }}
{{- range . }}
{{- $rules = append $rules (merge (deepCopy .) (ternary $added dict (hasKey . "alert"))) }}
{{- end }}
{{- $groups = append $groups (dict "name" (include "prometheus-anomaly-sidecar.fullname" $root) "rules" $rules) }}
{{- end }}
{{- toYaml $groups }}
{{- end }}
