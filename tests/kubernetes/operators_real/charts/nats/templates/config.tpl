{{- define "labels" -}}
app.kubernetes.io/name: nats
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: nats
{{- end }}
{{- define "tls" -}}
{cert_file: /etc/nats-certs/{{ .of }}/tls.crt, key_file: /etc/nats-certs/{{ .of }}/tls.key, ca_file: /etc/nats-ca-cert/ca.crt}
{{- end }}
{{- define "config" -}}
{{- $name := .Values.fullnameOverride -}}
{{- with .Values.config -}}
server_name: "<< $POD_NAME >>"
pid_file: /var/run/nats/nats.pid
port: 4222
http_port: 8222
{{- if .nats.tls.enabled }}
tls: {{ include "tls" (dict "of" "nats") }}
{{- end }}
{{- if .mqtt.enabled }}
mqtt: {port: 1883, tls: {{ include "tls" (dict "of" "mqtt") }}}
{{- end }}
{{- if .cluster.enabled }}
cluster:
  name: {{ $name }}
  port: 6222
  no_advertise: true
  tls: {{ include "tls" (dict "of" "cluster") }}
  routes:
  {{- range $n, $_ := until (int .cluster.replicas) }}
  - tls://{{ $name }}-{{ $n }}.{{ $name }}-headless.{{ $.Release.Namespace }}.svc.cluster.local:6222
  {{- end }}
{{- end }}
{{- if .jetstream.enabled }}
jetstream:
  store_dir: /data
  max_file_store: "<< {{ .jetstream.fileStore.maxSize }} >>"
  max_memory_store: "<< {{ .jetstream.memoryStore.maxSize }} >>"
{{- end }}
{{- end }}
{{- end }}
{{- define "pod" -}}
metadata:
  labels: {{ include "labels" . | nindent 4 }}
spec:
  containers:
  - {{ mergeOverwrite (include "server" . | fromYaml) .Values.container.merge | toYaml | nindent 4 }}
  - {{ mergeOverwrite (dict "name" "reloader" "image" "natsio/nats-server-config-reloader:0.21.1") .Values.reloader.merge | toYaml | nindent 4 }}
  {{- if .Values.promExporter.enabled }}
  - {{ mergeOverwrite (dict "name" "prom-exporter" "image" "natsio/prometheus-nats-exporter:0.18.0") .Values.promExporter.merge | toYaml | nindent 4 }}
  {{- end }}
  volumes:
  - {name: config, configMap: {name: {{ .Values.fullnameOverride }}-config}}
  - {name: nats-tls, secret: {secretName: {{ .Values.config.nats.tls.secretName }}}}
{{- end }}
{{- define "server" -}}
name: nats
image: nats:2.14.2-alpine
args: [--config, /etc/nats-config/nats.conf]
ports: [{name: nats, containerPort: 4222}, {name: mqtt, containerPort: 1883}]
env:
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
{{- range $name, $value := .Values.container.env }}
{{- if kindIs "string" $value }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- else }}
- {{ merge (dict "name" $name) $value | toYaml | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
