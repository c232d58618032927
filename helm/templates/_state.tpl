{{/*
Tokens and certificates: what was generated before, as the Secret `<fullname>-hook` holds it, or new
ones. Worked out once in a rendering and kept in `.Values.state`, since each call of a random function
has another answer.

tokens    `current` is what Metacontroller sends. `next` is accepted too, so that replicas which still
          run with the former Secret already know the token that a rotation brings in. So is `previous`,
          until Metacontroller has read the new one.
server    certificate, key, CA, and the CA before it: Metacontroller trusts both.
client    likewise for Metacontroller's own certificate.
*/}}
{{- define "s3-resource-operator.state" -}}
{{- if not (hasKey .Values "state") }}
{{- $state := dict }}
{{- $_ := set .Values "state" $state }}
{{- $found := lookup "v1" "Secret" (include "s3-resource-operator.namespace" .) (include "s3-resource-operator.hookSecretName" .) | default dict }}
{{- $old := dict }}
{{- range $key, $value := ($found.data | default dict) }}{{ $_ := set $old $key (b64dec $value) }}{{ end }}
{{- $marks := (dig "metadata" "annotations" dict $found) | default dict }}
{{- $auth := .Values.hook.auth }}
{{- if and $auth.enabled (not $auth.existingSecret) }}
{{- $_ := set $state "tokens" (include "s3-resource-operator.tokens" (list $auth $old $marks) | fromYaml) }}
{{- end }}
{{- if eq .Values.hook.tls.mode "selfSigned" }}
{{- $tls := .Values.hook.tls }}
{{- $names := concat (include "s3-resource-operator.dnsNames" . | fromYamlArray) (list "localhost") }}
{{- $ips := concat $tls.extraIPs (list "127.0.0.1") | uniq }}
{{- $server := dict "part" "tls" "name" (index $names 0) "names" $names "ips" $ips "settings" $tls.selfSigned "old" $old "marks" $marks }}
{{- $_ := set $state "server" (include "s3-resource-operator.pair" $server | fromYaml) }}
{{- if $tls.mutual.enabled }}
{{- $client := dict "part" "client" "name" "metacontroller" "names" (list "metacontroller") "ips" list "settings" $tls.selfSigned "old" $old "marks" $marks }}
{{- $_ := set $state "client" (include "s3-resource-operator.pair" $client | fromYaml) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "s3-resource-operator.tokens" -}}
{{- $auth := index . 0 }}
{{- $old := index . 1 }}
{{- $marks := index . 2 }}
{{- $current := get $old "current" }}
{{- $next := get $old "next" | default (randAlphaNum 48) }}
{{- $previous := get $old "previous" }}
{{- if $auth.token }}
{{- if and $current (ne $current $auth.token) }}{{ $previous = $current }}{{ end }}
{{- $current = $auth.token }}
{{- else if not $current }}
{{- $current = randAlphaNum 48 }}
{{- else if ne (get $marks "s3-resource-operator.io/token-rotation") $auth.rotation }}
{{- $previous = $current }}
{{- $current = $next }}
{{- $next = randAlphaNum 48 }}
{{- end }}
{{- dict "current" $current "next" $next "previous" $previous | toYaml }}
{{- end }}

{{- define "s3-resource-operator.pair" -}}
{{- $certificate := get .old (printf "%s.crt" .part) }}
{{- $mark := printf "s3-resource-operator.io/%s-" .part }}
{{- $rotation := get .marks (print $mark "rotation") }}
{{- $subjects := join "," (concat .names .ips) }}
{{- $end := get .marks (print $mark "not-after") }}
{{- $fresh := and $certificate $end (eq $rotation .settings.rotation) (eq $subjects (get .marks (print $mark "subjects"))) }}
{{- if $fresh }}
{{- $left := sub (toDate "2006-01-02" $end | unixEpoch | int64) (now | unixEpoch | int64) }}
{{- $fresh = gt $left (mul 90 86400) }}
{{- end }}
{{- if $fresh }}
{{- dict "crt" $certificate "key" (get .old (printf "%s.key" .part)) "ca" (get .old (printf "%s-ca.crt" .part)) "formerCa" (get .old (printf "%s-former-ca.crt" .part)) "rotation" $rotation "subjects" $subjects "notAfter" $end | toYaml }}
{{- else }}
{{- $days := int .settings.validityDays }}
{{- $ca := genCAWithKey (printf "%s CA" .name | trunc 64) $days (genPrivateKey "ecdsa") }}
{{- $new := genSignedCertWithKey (.name | trunc 64) .ips .names $days $ca (genPrivateKey "ecdsa") }}
{{- $end = dateInZone "2006-01-02" (dateModify (printf "%dh" (mul $days 24)) now) "UTC" }}
{{- dict "crt" $new.Cert "key" $new.Key "ca" $ca.Cert "formerCa" (get .old (printf "%s-ca.crt" .part)) "rotation" .settings.rotation "subjects" $subjects "notAfter" $end | toYaml }}
{{- end }}
{{- end }}

{{/* Names of the certificate. Metacontroller dials the first: no `.svc`. */}}
{{- define "s3-resource-operator.dnsNames" -}}
{{- $name := include "s3-resource-operator.fullname" . }}
{{- $namespace := include "s3-resource-operator.namespace" . }}
{{- $own := list (printf "%s.%s" $name $namespace) (printf "%s.%s.svc" $name $namespace) (printf "%s.%s.svc.cluster.local" $name $namespace) $name }}
{{- concat $own .Values.hook.tls.extraDNSNames | uniq | toYaml }}
{{- end }}

{{/* Names that say what the Secret holds, so that a new token or certificate comes under a new one. */}}
{{- define "s3-resource-operator.tokenSecretName" -}}
{{- include "s3-resource-operator.suffixed" (list . (printf "hook-token-%s" (.Values.state.tokens.current | sha256sum | trunc 8))) }}
{{- end }}

{{- define "s3-resource-operator.clientSecretName" -}}
{{- include "s3-resource-operator.suffixed" (list . (printf "hook-client-%s" (.Values.state.client.crt | sha256sum | trunc 8))) }}
{{- end }}

{{/* The signing key, generated once. */}}
{{- define "s3-resource-operator.signingKey" -}}
{{- if not (hasKey .Values "generatedSigningKey") }}
{{- $found := lookup "v1" "Secret" (include "s3-resource-operator.namespace" .) (include "s3-resource-operator.suffixed" (list . "signing-key")) | default dict }}
{{- $key := get ($found.data | default dict) "SIGNING_KEY" | b64dec | default (randAlphaNum 64) }}
{{- $_ := set .Values "generatedSigningKey" $key }}
{{- end }}
{{- .Values.generatedSigningKey }}
{{- end }}

{{/* What the webhooks' answers depend on and `.spec` doesn't show: a change has every Secret looked at again. */}}
{{- define "s3-resource-operator.revision" -}}
{{- print (include "s3-resource-operator.environment" .) (include "s3-resource-operator.policy" .) (include "s3-resource-operator.stores" .) .Values.hook.revision | sha256sum | trunc 10 }}
{{- end }}

{{/* A webhook at a path: (list . "/sync"). */}}
{{- define "s3-resource-operator.webhook" -}}
{{- $path := index . 1 }}
{{- with index . 0 }}
{{- $_ := include "s3-resource-operator.state" . }}
{{- $namespace := include "s3-resource-operator.namespace" . }}
{{- $hook := .Values.hook }}
{{- $tls := $hook.tls }}
service:
  name: {{ include "s3-resource-operator.fullname" . | quote }}
  namespace: {{ $namespace | quote }}
  port: {{ .Values.service.port | int64 }}
  protocol: {{ ternary "http" "https" (eq $tls.mode "none") }}
# The query means nothing to the operator. A new one has Metacontroller ask about every Secret again.
path: {{ printf "%s?c=%s" $path (include "s3-resource-operator.revision" .) }}
# Longer than the operator's own budget, so that it always gets to say what took so long.
timeout: {{ $hook.timeout | default (printf "%ds" (add 2 (ceil .Values.operator.syncTimeoutSeconds))) | quote }}
{{- if $hook.auth.enabled }}
authorization:
  type: Bearer
  secretRef:
    {{- if $hook.auth.existingSecret }}
    name: {{ $hook.auth.existingSecret | quote }}
    key: {{ $hook.auth.existingSecretKey | quote }}
    {{- else }}
    name: {{ include "s3-resource-operator.tokenSecretName" . | quote }}
    key: token
    {{- end }}
    namespace: {{ $namespace | quote }}
{{- end }}
{{- if eq $tls.mode "selfSigned" }}
caBundle:
  inline: |
    {{- .Values.state.server.ca | trim | nindent 4 }}
    {{- with .Values.state.server.formerCa }}
    {{- . | trim | nindent 4 }}
    {{- end }}
{{- else if and (ne $tls.mode "none") $tls.caBundle }}
caBundle:
  {{- toYaml $tls.caBundle | nindent 2 }}
{{- else if ne $tls.mode "none" }}
caBundle:
  secretRef:
    name: {{ include "s3-resource-operator.tlsSecretName" . | quote }}
    namespace: {{ $namespace | quote }}
    key: ca.crt
{{- end }}
{{- if $tls.mutual.enabled }}
clientTLS:
  secretRef:
    {{- if eq $tls.mode "selfSigned" }}
    name: {{ include "s3-resource-operator.clientSecretName" . | quote }}
    {{- else if eq $tls.mode "certManager" }}
    name: {{ include "s3-resource-operator.suffixed" (list . "hook-client") | quote }}
    {{- else }}
    name: {{ $tls.mutual.existingSecret | quote }}
    {{- end }}
    namespace: {{ $namespace | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret of the server's certificate. */}}
{{- define "s3-resource-operator.tlsSecretName" -}}
{{- if eq .Values.hook.tls.mode "selfSigned" }}
{{- include "s3-resource-operator.hookSecretName" . }}
{{- else if eq .Values.hook.tls.mode "certManager" }}
{{- include "s3-resource-operator.suffixed" (list . "hook-tls") }}
{{- else }}
{{- .Values.hook.tls.existingSecret }}
{{- end }}
{{- end }}

{{/* The Secret and key of the CA that Metacontroller's certificate has to be from, as YAML. */}}
{{- define "s3-resource-operator.clientCA" -}}
{{- if eq .Values.hook.tls.mode "selfSigned" }}
{{- dict "secret" (include "s3-resource-operator.hookSecretName" .) "key" "client-cas.crt" | toYaml }}
{{- else if eq .Values.hook.tls.mode "certManager" }}
{{- dict "secret" (include "s3-resource-operator.suffixed" (list . "hook-client")) "key" "ca.crt" | toYaml }}
{{- else }}
{{- dict "secret" .Values.hook.tls.mutual.existingSecret "key" "ca.crt" | toYaml }}
{{- end }}
{{- end }}
