{{/*
The sidecar's container, without probes that another workload would have to wait for.
In another chart: include it with the scope of this chart, `.Subcharts` of the dependency's name.
*/}}
{{- define "prometheus-anomaly-sidecar.container" -}}
name: anomaly-sidecar
image: {{ include "prometheus-anomaly-sidecar.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args:
  - run
  - --config.file=/etc/sidecar/config.yaml
  - --web.listen-address=:{{ .Values.web.port }}
  - --web.route-prefix={{ .Values.web.routePrefix }}
  {{- with .Values.web.externalUrl }}
  - --web.external-url={{ . }}
  {{- end }}
  {{- if .Values.web.enableLifecycle }}
  - --web.enable-lifecycle
  {{- end }}
  {{- if .Values.web.disableApi }}
  - --web.disable-api
  {{- end }}
  - --log.level={{ .Values.log.level }}
  - --log.format={{ .Values.log.format }}
  {{- with .Values.extraArgs }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
env:
  - name: POD_NAME
    valueFrom:
      fieldRef:
        fieldPath: metadata.name
  - name: POD_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  {{- with .Values.extraEnv }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- tpl (toYaml .) $ | nindent 2 }}
{{- end }}
ports:
  - name: {{ include "prometheus-anomaly-sidecar.portName" . }}
    containerPort: {{ .Values.web.port }}
    protocol: TCP
{{- include "prometheus-anomaly-sidecar.probe" (list . "livenessProbe" "/-/healthy" .Values.livenessProbe) }}
{{- if .Values.standalone }}
{{- include "prometheus-anomaly-sidecar.probe" (list . "readinessProbe" "/-/ready" .Values.readinessProbe) }}
{{- include "prometheus-anomaly-sidecar.probe" (list . "startupProbe" "/-/healthy" .Values.startupProbe) }}
{{- end }}
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - name: anomaly-sidecar-config
    mountPath: /etc/sidecar
    readOnly: true
  {{- range $directory, $secret := include "prometheus-anomaly-sidecar.secrets" . | fromYaml }}
  - name: anomaly-sidecar-{{ $directory }}
    mountPath: {{ include "prometheus-anomaly-sidecar.secretsPath" $ }}/{{ $directory }}
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- tpl (toYaml .) $ | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The same as an entry of `initContainers` that runs beside the workload for its whole life (Kubernetes 1.29 and newer). */}}
{{- define "prometheus-anomaly-sidecar.nativeSidecar" -}}
{{ include "prometheus-anomaly-sidecar.container" . }}
restartPolicy: Always
{{- end }}

{{/* The volumes that the container mounts: entries of the pod's `volumes`. */}}
{{- define "prometheus-anomaly-sidecar.volumes" -}}
- name: anomaly-sidecar-config
{{- if .Values.configExistingSecretName }}
  secret:
    secretName: {{ .Values.configExistingSecretName | quote }}
{{- else if .Values.secretConfig }}
  secret:
    secretName: {{ include "prometheus-anomaly-sidecar.fullname" . | quote }}
{{- else }}
  configMap:
    name: {{ include "prometheus-anomaly-sidecar.fullname" . | quote }}
{{- end }}
{{- range $directory, $secret := include "prometheus-anomaly-sidecar.secrets" . | fromYaml }}
- name: anomaly-sidecar-{{ $directory }}
  secret:
    secretName: {{ $secret | quote }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{/*
Annotations of the pod: scraping, where annotations ask for it, and what the pods must be replaced for. By the job
scrape-job.yaml finds these pods, and the general job for annotated pods can leave them out.
*/}}
{{- define "prometheus-anomaly-sidecar.podAnnotations" -}}
{{- if not .Values.configExistingSecretName }}
checksum/config: {{ include "prometheus-anomaly-sidecar.config" . | sha256sum | quote }}
{{- end }}
{{- if .Values.scrapeAnnotations.enabled }}
prometheus.io/job: anomaly-sidecar
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.web.port | quote }}
prometheus.io/path: {{ include "prometheus-anomaly-sidecar.path" (list . "/metrics") }}
{{- end }}
{{- end }}

{{/* "http" is likely to be the workload's own name for a port. */}}
{{- define "prometheus-anomaly-sidecar.portName" -}}
{{- ternary "http" "anomaly-sidecar" .Values.standalone }}
{{- end }}

{{/* A probe, by HTTP unless its values say how else; null is none. Takes a list: root, name, path, values. */}}
{{- define "prometheus-anomaly-sidecar.probe" -}}
{{- if kindIs "map" (index . 3) }}
{{- $probe := deepCopy (index . 3) }}
{{- if not (or $probe.exec $probe.grpc $probe.tcpSocket) }}
{{- $path := include "prometheus-anomaly-sidecar.path" (list (index . 0) (index . 2)) }}
{{- $get := dict "path" $path "port" (include "prometheus-anomaly-sidecar.portName" (index . 0)) }}
{{- $_ := set $probe "httpGet" (mergeOverwrite $get (default dict $probe.httpGet)) }}
{{- end }}
{{ index . 1 }}:
  {{- range $key, $value := $probe }}
  {{- if not (kindIs "invalid" $value) }}
  {{- toYaml (dict $key $value) | nindent 2 }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end }}
