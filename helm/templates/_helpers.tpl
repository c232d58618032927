{{/* Names and labels. The first five are those of the original chart: the Deployment's selector can't change in place. */}}
{{- define "s3-resource-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "s3-resource-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "s3-resource-operator.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "s3-resource-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "s3-resource-operator.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* Labels of every object; the selector's are the chart's to set. */}}
{{- define "s3-resource-operator.labels" -}}
{{- $selector := include "s3-resource-operator.selectorLabels" . | fromYaml }}
{{- $own := dict "helm.sh/chart" (include "s3-resource-operator.chart" .) "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service "app.kubernetes.io/part-of" "s3-resource-operator" }}
{{- merge dict $selector .Values.commonLabels $own | toYaml }}
{{- end }}

{{/* The same with further ones: (list . labels). */}}
{{- define "s3-resource-operator.labelsWith" -}}
{{- merge dict (index . 1) (include "s3-resource-operator.labels" (index . 0) | fromYaml) | toYaml }}
{{- end }}

{{/* The full name with a suffix, within 63 characters: (list . "suffix"), or fewer: (list . "suffix" 43). */}}
{{- define "s3-resource-operator.suffixed" -}}
{{- $suffix := index . 1 }}
{{- $limit := 63 }}
{{- if gt (len .) 2 }}{{ $limit = index . 2 }}{{ end }}
{{- $room := sub $limit (add 1 (len $suffix)) | int }}
{{- printf "%s-%s" (include "s3-resource-operator.fullname" (index . 0) | trunc $room | trimSuffix "-") $suffix }}
{{- end }}

{{- define "s3-resource-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "s3-resource-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "s3-resource-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The Secret of the store's administrator. */}}
{{- define "s3-resource-operator.secretName" -}}
{{- default (include "s3-resource-operator.fullname" .) .Values.operator.secret.name }}
{{- end }}

{{- define "s3-resource-operator.hookSecretName" -}}
{{- include "s3-resource-operator.suffixed" (list . "hook") }}
{{- end }}

{{/* Its name becomes part of a finalizer, whose last part has 63 characters of which Metacontroller takes 20. */}}
{{- define "s3-resource-operator.deletionName" -}}
{{- include "s3-resource-operator.suffixed" (list . "deletion" 43) }}
{{- end }}

{{/*
The original operator's image speaks no hook API. A values file copied from its chart names it, so it
counts as not set.
*/}}
{{- define "s3-resource-operator.originalImage" -}}
{{- if regexMatch "(^|/)runningman84/s3-resource-operator$" .Values.image.repository }}true{{ end }}
{{- end }}

{{- define "s3-resource-operator.image" -}}
{{- if include "s3-resource-operator.originalImage" . }}
{{- printf "ghcr.io/s3-resource-operator/s3-resource-operator:%s" .Chart.AppVersion }}
{{- else if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | toString | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* What the operator's ServiceAccount may do: nothing that no enabled feature asks for. */}}
{{- define "s3-resource-operator.rules" -}}
{{- if .Values.conflictGuard.enabled }}
# The conflict guard looks for other Secrets that name the same user or bucket, in any namespace.
- apiGroups: [""]
  resources: ["secrets"]
  verbs: ["get", "list"]
{{- else if .Values.connectionSecrets.enabled }}
# Whether a Secret of the connection Secret's name is there already.
- apiGroups: [""]
  resources: ["secrets"]
  verbs: ["get"]
{{- end }}
{{- if .Values.events.enabled }}
# Events on the Secrets, counted up when they repeat.
- apiGroups: [""]
  resources: ["events"]
  verbs: ["create", "patch"]
{{- end }}
{{- end }}

{{- define "s3-resource-operator.asksKubernetes" -}}
{{- if or .Values.conflictGuard.enabled .Values.connectionSecrets.enabled .Values.events.enabled }}true{{ end }}
{{- end }}

{{/* The part of the annotation key before "/". */}}
{{- define "s3-resource-operator.prefix" -}}
{{- regexReplaceAll "/.*$" .Values.operator.annotation_key "" }}
{{- end }}
