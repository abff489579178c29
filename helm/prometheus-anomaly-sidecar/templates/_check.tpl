{{/* What the schema cannot say: values that do not go together. */}}
{{- define "prometheus-anomaly-sidecar.check" -}}
{{- with .Values }}
{{- if and .secretConfig .configExistingSecretName }}
{{- fail "secretConfig and configExistingSecretName exclude each other: the first writes config into a Secret, the second names one that exists" }}
{{- end }}
{{- if and .configExistingSecretName .config }}
{{- fail "config would be ignored, because configExistingSecretName names a Secret with the whole configuration: remove one of them" }}
{{- end }}
{{- if and .prometheus.basicAuth.existingSecret .prometheus.bearerToken.existingSecret }}
{{- fail "prometheus.basicAuth and prometheus.bearerToken exclude each other: keep one" }}
{{- end }}
{{- if ne (empty .prometheus.tls.certKey) (empty .prometheus.tls.keyKey) }}
{{- fail "prometheus.tls.certKey and prometheus.tls.keyKey go together: set both or neither" }}
{{- end }}
{{- if and .prometheus.tls.certKey (not .prometheus.tls.existingSecret) }}
{{- fail "prometheus.tls.certKey names a key of no Secret: set prometheus.tls.existingSecret" }}
{{- end }}
{{- if and .sharding.enabled (ne (int .replicas) 1) }}
{{- fail "replicas does not apply when sharding.enabled is true: sharding.count is the number of pods" }}
{{- end }}
{{- if and .sharding.enabled (not .standalone) }}
{{- fail "sharding.enabled needs standalone: true, because shards are the pods of a StatefulSet" }}
{{- end }}
{{- if and .serviceMonitor.enabled .podMonitor.enabled }}
{{- fail "serviceMonitor.enabled and podMonitor.enabled would have everything scraped twice: keep one" }}
{{- end }}
{{- if and .scrapeAnnotations.enabled (or .serviceMonitor.enabled .podMonitor.enabled) }}
{{- fail "scrapeAnnotations.enabled beside a monitor would have everything scraped twice: keep one" }}
{{- end }}
{{- if and .serviceMonitor.enabled (not .standalone) }}
{{- fail "serviceMonitor.enabled needs standalone: true, because without it there is no Service: use podMonitor" }}
{{- end }}
{{- if and .podMonitor.enabled (not .standalone) (not .podMonitor.selector) }}
{{- fail "podMonitor.selector is empty: give the labels of the pods that the container was added to" }}
{{- end }}
{{- if and .image.pullSecrets (not .standalone) }}
{{- fail "image.pullSecrets needs standalone: true: the pod is another chart's, so name them in its imagePullSecrets" }}
{{- end }}
{{- $unset := list nil "" }}
{{- if not (or (has .podDisruptionBudget.minAvailable $unset) (has .podDisruptionBudget.maxUnavailable $unset)) }}
{{- fail "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable exclude each other: keep one" }}
{{- end }}
{{- end }}
{{- end }}
