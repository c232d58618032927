{{/* Environment, mounts and volumes of the operator: those of the Deployment, and of the test pod. */}}
{{- define "s3-resource-operator.env" -}}
{{- $credentials := include "s3-resource-operator.credentials" . | fromYaml }}
{{- if not (or .Values.stores (include "s3-resource-operator.endpointUrl" .)) }}
- name: S3_ENDPOINT_URL
  valueFrom:
    secretKeyRef:
      name: {{ include "s3-resource-operator.secretName" . | quote }}
      key: S3_ENDPOINT_URL
{{- end }}
{{- if include "s3-resource-operator.credentialsAsVariables" . }}
{{- $optional := list "S3_ACCESS_KEY" "ROOT_ACCESS_KEY" "S3_SECRET_KEY" "ROOT_SECRET_KEY" "S3_ADMIN_TOKEN" }}
{{- if not (include "s3-resource-operator.adminEndpointUrl" .) }}{{ $optional = append $optional "S3_ADMIN_ENDPOINT_URL" }}{{ end }}
{{- range $optional }}
- name: {{ . | quote }}
  valueFrom:
    secretKeyRef:
      name: {{ include "s3-resource-operator.secretName" $ | quote }}
      key: {{ . | quote }}
      optional: true
{{- end }}
{{- end }}
# Credentials come as files: they stay out of the pod's environment, and so out of crash dumps
# and child processes.
{{- range $variable := list "S3_ACCESS_KEY" "S3_SECRET_KEY" "S3_ADMIN_TOKEN" "SIGNING_KEY" }}
{{- with get $credentials $variable }}
- name: {{ $variable }}_FILE
  value: /etc/s3-resource-operator/{{ ternary "store" "signing" (eq .secret (include "s3-resource-operator.secretName" $)) }}/{{ $variable }}
{{- end }}
{{- end }}
{{- if .Values.hook.auth.enabled }}
- name: HOOK_TOKEN_FILE
  value: /etc/s3-resource-operator/hook/token
{{- end }}
{{- if ne .Values.hook.tls.mode "none" }}
- name: HOOK_TLS_CERT_FILE
  value: /etc/s3-resource-operator/tls/tls.crt
- name: HOOK_TLS_KEY_FILE
  value: /etc/s3-resource-operator/tls/tls.key
{{- if .Values.hook.tls.mutual.enabled }}
- name: HOOK_TLS_CLIENT_CA_FILE
  value: /etc/s3-resource-operator/client-ca/ca.crt
{{- end }}
{{- end }}
{{- if or .Values.operator.caBundle.secret .Values.operator.caBundle.configMap }}
- name: S3_CA_BUNDLE
  value: /etc/s3-resource-operator/store-ca/ca.crt
{{- end }}
{{- if .Values.stores }}
- name: STORES_FILE
  value: /etc/s3-resource-operator/stores/stores.yaml
{{- end }}
{{- if include "s3-resource-operator.policyConfigMap" . }}
- name: POLICY_FILE
  value: /etc/s3-resource-operator/policy/policy.yaml
{{- end }}
{{- with .Values.extraEnv }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{- define "s3-resource-operator.envFrom" -}}
- configMapRef:
    name: {{ include "s3-resource-operator.fullname" . | quote }}
{{- with .Values.extraEnvFrom }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end }}

{{/* Volumes with the mounts that belong to them, as YAML: {volumes, mounts}. */}}
{{- define "s3-resource-operator.storage" -}}
{{- $root := . }}
{{- $volumes := list }}
{{- $own := include "s3-resource-operator.secretName" . }}
{{- $store := list }}
{{- $signing := list }}
{{- $signingSecret := "" }}
{{- $credentials := include "s3-resource-operator.credentials" . | fromYaml }}
{{- range $variable := list "S3_ACCESS_KEY" "S3_SECRET_KEY" "S3_ADMIN_TOKEN" "SIGNING_KEY" }}
{{- with get $credentials $variable }}
{{- $item := dict "key" .key "path" $variable }}
{{- if eq .secret $own }}
{{- $store = append $store $item }}
{{- else }}
{{- $signing = append $signing $item }}
{{- $signingSecret = .secret }}
{{- end }}
{{- end }}
{{- end }}
{{- with $store }}{{ $volumes = append $volumes (dict "name" "store" "secret" $own "items" .) }}{{ end }}
{{- with $signing }}{{ $volumes = append $volumes (dict "name" "signing" "secret" $signingSecret "items" .) }}{{ end }}
{{- with .Values.hook.auth }}
{{- if and .enabled .existingSecret }}
{{- $volumes = append $volumes (dict "name" "hook" "secret" .existingSecret "items" (list (dict "key" (default .existingSecretKey .acceptedKey) "path" "token"))) }}
{{- else if .enabled }}
{{- $volumes = append $volumes (dict "name" "hook" "secret" (include "s3-resource-operator.hookSecretName" $root) "items" (list (dict "key" "accepted" "path" "token"))) }}
{{- end }}
{{- end }}
{{- if ne .Values.hook.tls.mode "none" }}
{{- $items := list (dict "key" "tls.crt" "path" "tls.crt") (dict "key" "tls.key" "path" "tls.key") }}
{{- $volumes = append $volumes (dict "name" "tls" "secret" (include "s3-resource-operator.tlsSecretName" .) "items" $items) }}
{{- if .Values.hook.tls.mutual.enabled }}
{{- $ca := include "s3-resource-operator.clientCA" . | fromYaml }}
{{- $volumes = append $volumes (dict "name" "client-ca" "secret" $ca.secret "items" (list (dict "key" $ca.key "path" "ca.crt"))) }}
{{- end }}
{{- end }}
{{- with .Values.operator.caBundle }}
{{- $items := list (dict "key" .key "path" "ca.crt") }}
{{- if .secret }}
{{- $volumes = append $volumes (dict "name" "store-ca" "secret" .secret "items" $items) }}
{{- else if .configMap }}
{{- $volumes = append $volumes (dict "name" "store-ca" "configMap" .configMap "items" $items) }}
{{- end }}
{{- end }}
{{- with include "s3-resource-operator.policyConfigMap" . }}
{{- $volumes = append $volumes (dict "name" "policy" "configMap" . "items" (list (dict "key" "policy.yaml" "path" "policy.yaml"))) }}
{{- end }}
{{- if .Values.stores }}
{{- $volumes = append $volumes (dict "name" "stores" "configMap" (include "s3-resource-operator.suffixed" (list . "stores")) "items" (list (dict "key" "stores.yaml" "path" "stores.yaml"))) }}
{{- end }}
{{- range $number, $each := .Values.stores }}
{{- $items := list }}
{{- range $path := ternary (list "admin-token") (list "access-key" "secret-key") (eq .backend "garage") }}
{{- $items = append $items (dict "key" (get ($each.keys | default dict) $path | default $path) "path" $path) }}
{{- end }}
{{- $volumes = append $volumes (dict "name" (printf "of-store-%d" $number) "folder" (printf "of-%s" .name) "secret" .secret "items" $items) }}
{{- with get . "ca-bundle" }}
{{- $items := list (dict "key" (.key | default "ca.crt") "path" "ca.crt") }}
{{- $volume := dict "name" (printf "ca-of-store-%d" $number) "folder" (printf "ca-of-%s" $each.name) "items" $items }}
{{- if .secret }}{{ $_ := set $volume "secret" .secret }}{{ else }}{{ $_ := set $volume "configMap" .configMap }}{{ end }}
{{- $volumes = append $volumes $volume }}
{{- end }}
{{- end }}
{{- $mounts := list }}
{{- $sources := list }}
{{- range $volumes }}
{{- $mounts = append $mounts (dict "name" .name "mountPath" (printf "/etc/s3-resource-operator/%s" (.folder | default .name)) "readOnly" true) }}
{{- if .secret }}
{{- $sources = append $sources (dict "name" .name "secret" (dict "secretName" .secret "defaultMode" 288 "items" .items)) }}
{{- else }}
{{- $sources = append $sources (dict "name" .name "configMap" (dict "name" .configMap "items" .items)) }}
{{- end }}
{{- end }}
{{- $mounts = append $mounts (dict "name" "tmp" "mountPath" "/tmp") }}
{{- $sources = append $sources (dict "name" "tmp" "emptyDir" (dict "sizeLimit" "16Mi")) }}
{{- dict "volumes" $sources "mounts" $mounts | toYaml }}
{{- end }}

{{/* What all pods of the chart have in common. */}}
{{- define "s3-resource-operator.podSpec" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "s3-resource-operator.serviceAccountName" . | quote }}
# Only where a feature asks the Kubernetes API.
automountServiceAccountToken: {{ ternary "true" "false" (ne (include "s3-resource-operator.asksKubernetes" .) "") }}
{{- include "s3-resource-operator.placement" . }}
{{- end }}

{{- define "s3-resource-operator.placement" }}
# Without this, every Service of the namespace would become environment variables.
enableServiceLinks: false
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . | quote }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . | quote }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/*
Labels and annotations of the pods that end by themselves: (list . name). Their name is not the
operator's, as no Service and no NetworkPolicy of its is to mean them.
*/}}
{{- define "s3-resource-operator.jobLabels" -}}
{{- with index . 0 }}
{{- $own := dict "app.kubernetes.io/name" (index $ 1) "app.kubernetes.io/instance" .Release.Name }}
{{- merge $own .Values.jobs.podLabels .Values.podLabels (include "s3-resource-operator.labels" . | fromYaml) | toYaml }}
{{- end }}
{{- end }}

{{- define "s3-resource-operator.jobAnnotations" -}}
{{- with merge dict .Values.jobs.podAnnotations .Values.podAnnotations }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* A probe with one handler. Helm merges values into the defaults, so that another one stands beside `httpGet`. */}}
{{- define "s3-resource-operator.probe" -}}
{{- if or (hasKey . "exec") (hasKey . "grpc") (hasKey . "tcpSocket") }}
{{- omit . "httpGet" | toYaml }}
{{- else }}
{{- toYaml . }}
{{- end }}
{{- end }}
