{{/*
What the original operator's arguments come to, as YAML: `settings`, and `ignored`, the flags without
meaning here. Values of those are not told: one of them may be a credential.
*/}}
{{- define "s3-resource-operator.originalArgs" -}}
{{- $settings := dict }}
{{- $ignored := list }}
{{- range $index, $argument := .Values.operator.args }}
{{- if hasPrefix "-" $argument }}
{{- $flag := regexReplaceAll "^--?" (regexReplaceAll "(?s)=.*" $argument "") "" }}
{{- $value := "true" }}
{{- $next := add $index 1 | int }}
{{- if contains "=" $argument }}
{{- $value = regexReplaceAll "(?s)^[^=]*=" $argument "" }}
{{- else if lt $next (len $.Values.operator.args) }}
{{- $following := index $.Values.operator.args $next }}
{{- if not (hasPrefix "-" $following) }}{{ $value = $following }}{{ end }}
{{- end }}
{{- if eq $flag "enforce-endpoint-check" }}
{{- $_ := set $settings "enforceEndpointCheck" (has (lower $value) (list "1" "t" "true")) }}
{{- else if eq $flag "s3-endpoint-url" }}
{{- $_ := set $settings "endpointUrl" $value }}
{{- else if eq $flag "zap-log-level" }}
{{- $levels := dict "info" "INFO" "error" "ERROR" "panic" "ERROR" }}
{{- $_ := set $settings "logLevel" (get $levels (lower $value) | default "DEBUG") }}
{{- else }}
{{- $ignored = append $ignored (printf "--%s" $flag) }}
{{- end }}
{{- end }}
{{- end }}
{{- dict "settings" $settings "ignored" ($ignored | uniq) | toYaml }}
{{- end }}

{{/* The store's URL where the values tell it; empty when the Secret does. */}}
{{- define "s3-resource-operator.endpointUrl" -}}
{{- $secret := .Values.operator.secret }}
{{- $original := (include "s3-resource-operator.originalArgs" . | fromYaml).settings | default dict }}
{{- coalesce .Values.operator.endpointUrl $original.endpointUrl (ternary (get $secret.data "S3_ENDPOINT_URL") "" $secret.create) | default "" }}
{{- end }}

{{- define "s3-resource-operator.adminEndpointUrl" -}}
{{- $secret := .Values.operator.secret }}
{{- coalesce .Values.operator.adminEndpointUrl (ternary (get $secret.data "S3_ADMIN_ENDPOINT_URL") "" $secret.create) | default "" }}
{{- end }}

{{/* The environment without credentials, as YAML: the ConfigMap's data. */}}
{{- define "s3-resource-operator.environment" -}}
{{- $operator := .Values.operator }}
{{- $original := (include "s3-resource-operator.originalArgs" . | fromYaml).settings | default dict }}
{{- $level := $operator.logLevel }}
{{- if and (eq $level "INFO") $original.logLevel }}{{ $level = $original.logLevel }}{{ end }}
{{- $level = upper $level | replace "CRITICAL" "ERROR" }}
{{- $enforce := and $operator.enforceEndpointCheck (get $original "enforceEndpointCheck" | toString | ne "false") }}
ANNOTATION_KEY: {{ $operator.annotation_key | quote }}
{{- if not .Values.stores }}
BACKEND_NAME: {{ $operator.backend_name | quote }}
{{- with include "s3-resource-operator.endpointUrl" . }}
S3_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- with include "s3-resource-operator.adminEndpointUrl" . }}
S3_ADMIN_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- with $operator.publicEndpointUrl }}
S3_PUBLIC_ENDPOINT_URL: {{ . | quote }}
{{- end }}
{{- with $operator.endpointAliases }}
S3_ENDPOINT_ALIASES: {{ join "," . | quote }}
{{- end }}
{{- with $operator.region }}
S3_REGION: {{ . | quote }}
{{- end }}
S3_TLS_VERIFY: {{ $operator.tlsVerify | quote }}
S3_ALLOW_PLAIN_HTTP: {{ $operator.allowPlainHttp | quote }}
{{- end }}
TLS_STRICT: {{ $operator.tlsStrict | quote }}
# The operator's own default is loopback, where Metacontroller could not reach it.
HOOK_HOST: {{ .Values.hook.host | quote }}
METRICS_HOST: {{ .Values.metrics.host | quote }}
ENFORCE_ENDPOINT_CHECK: {{ $enforce | quote }}
ADOPTION: {{ $operator.adoption | quote }}
ALLOW_PUBLIC_ACCESS: {{ $operator.allowPublicAccess | quote }}
ALLOWED_ROLES: {{ join "," $operator.allowedRoles | quote }}
ALLOWED_USER_IDS: {{ kindIs "string" $operator.allowedUserIds | ternary $operator.allowedUserIds (int64 $operator.allowedUserIds) | quote }}
ALLOWED_GROUP_IDS: {{ kindIs "string" $operator.allowedGroupIds | ternary $operator.allowedGroupIds (int64 $operator.allowedGroupIds) | quote }}
{{- with $operator.reservedAccessKeys }}
RESERVED_ACCESS_KEYS: {{ join "," . | quote }}
{{- end }}
{{- with $operator.reservedBuckets }}
RESERVED_BUCKETS: {{ join "," . | quote }}
{{- end }}
CONFLICT_GUARD: {{ ternary "on" "off" .Values.conflictGuard.enabled | quote }}
DELETION: {{ ternary "on" "off" .Values.deletion.enabled | quote }}
KUBERNETES_EVENTS: {{ ternary "on" "off" .Values.events.enabled | quote }}
{{- with .Values.policy.bucketNamePattern }}
BUCKET_NAME_PATTERN: {{ . | quote }}
{{- end }}
{{- with .Values.policy.accessKeyPattern }}
ACCESS_KEY_PATTERN: {{ . | quote }}
{{- end }}
{{- if not .Values.hook.auth.enabled }}
HOOK_ALLOW_ANONYMOUS: "true"
{{- end }}
SYNC_TIMEOUT_SECONDS: {{ $operator.syncTimeoutSeconds | quote }}
SYNC_CONCURRENCY: {{ $operator.syncConcurrency | int64 | quote }}
LOG_LEVEL: {{ $level | quote }}
LOG_FORMAT: {{ $operator.logFormat | quote }}
{{- end }}

{{/* The ConfigMap of the policy file; empty when there is none. */}}
{{- define "s3-resource-operator.policyConfigMap" -}}
{{- if .Values.policy.existingConfigMap }}
{{- .Values.policy.existingConfigMap }}
{{- else if or .Values.policy.rules .Values.policy.file }}
{{- include "s3-resource-operator.suffixed" (list . "policy") }}
{{- end }}
{{- end }}

{{- define "s3-resource-operator.policy" -}}
{{- if .Values.policy.file }}
{{- .Values.policy.file }}
{{- else if .Values.policy.rules }}
{{- dict "rules" .Values.policy.rules | toYaml }}
{{- end }}
{{- end }}

{{/* The list of stores, as the operator reads it; empty when there is none. */}}
{{- define "s3-resource-operator.stores" -}}
{{- if .Values.stores }}
{{- $stores := list }}
{{- range .Values.stores }}
{{- $folder := printf "/etc/s3-resource-operator/of-%s" .name }}
{{- $store := omit . "secret" "keys" "ca-bundle" }}
{{- if eq .backend "garage" }}
{{- $_ := set $store "admin-token-file" (printf "%s/admin-token" $folder) }}
{{- else }}
{{- $_ := set $store "access-key-file" (printf "%s/access-key" $folder) }}
{{- $_ := set $store "secret-key-file" (printf "%s/secret-key" $folder) }}
{{- end }}
{{- if get . "ca-bundle" }}
{{- $_ := set $store "ca-bundle" (printf "/etc/s3-resource-operator/ca-of-%s/ca.crt" .name) }}
{{- end }}
{{- $stores = append $stores $store }}
{{- end }}
{{- $file := dict "stores" $stores }}
{{- with .Values.defaultStore }}{{ $_ := set $file "default" . }}{{ end }}
{{- $file | toYaml }}
{{- end }}
{{- end }}

{{/* Where each credential is mounted from, as YAML: {secret, key} under the variable's name. */}}
{{- define "s3-resource-operator.credentials" -}}
{{- $secret := .Values.operator.secret }}
{{- $name := include "s3-resource-operator.secretName" . }}
{{- $found := dict }}
{{- $keys := dict }}
{{- if .Values.stores }}
{{- if $secret.keys.signingKey }}{{ $_ := set $found "SIGNING_KEY" (dict "secret" $name "key" $secret.keys.signingKey) }}{{ end }}
{{- else if and $secret.create $secret.data }}
{{- $keys = dict "S3_ACCESS_KEY" (list "S3_ACCESS_KEY" "ROOT_ACCESS_KEY") "S3_SECRET_KEY" (list "S3_SECRET_KEY" "ROOT_SECRET_KEY") "S3_ADMIN_TOKEN" (list "S3_ADMIN_TOKEN") "SIGNING_KEY" (list "SIGNING_KEY") }}
{{- range $variable, $names := $keys }}
{{- range reverse $names }}
{{- if get $secret.data . }}{{ $_ := set $found $variable (dict "secret" $name "key" .) }}{{ end }}
{{- end }}
{{- end }}
{{- else }}
{{- $keys = dict "S3_ACCESS_KEY" $secret.keys.accessKey "S3_SECRET_KEY" $secret.keys.secretKey "S3_ADMIN_TOKEN" $secret.keys.adminToken "SIGNING_KEY" $secret.keys.signingKey }}
{{- range $variable, $key := $keys }}
{{- if $key }}{{ $_ := set $found $variable (dict "secret" $name "key" $key) }}{{ end }}
{{- end }}
{{- end }}
{{- $signing := .Values.operator.signingKey }}
{{- if $signing.existingSecret }}
{{- $_ := set $found "SIGNING_KEY" (dict "secret" $signing.existingSecret "key" $signing.key) }}
{{- else if and $signing.generate (not (hasKey $found "SIGNING_KEY")) }}
{{- $_ := set $found "SIGNING_KEY" (dict "secret" (include "s3-resource-operator.suffixed" (list . "signing-key")) "key" "SIGNING_KEY") }}
{{- end }}
{{- $found | toYaml }}
{{- end }}

{{/* Whether the signing key is the chart's to make. */}}
{{- define "s3-resource-operator.generatesSigningKey" -}}
{{- $signing := get (include "s3-resource-operator.credentials" . | fromYaml) "SIGNING_KEY" | default dict }}
{{- if eq ($signing.secret | default "") (include "s3-resource-operator.suffixed" (list . "signing-key")) }}
{{- if not .Values.operator.signingKey.existingSecret }}true{{ end }}
{{- end }}
{{- end }}

{{/* Whether the store's credentials are taken as variables, from a Secret whose keys aren't told. */}}
{{- define "s3-resource-operator.credentialsAsVariables" -}}
{{- $secret := .Values.operator.secret }}
{{- $keys := $secret.keys }}
{{- if not (or .Values.stores (and $secret.create $secret.data) $keys.accessKey $keys.secretKey $keys.adminToken) }}true{{ end }}
{{- end }}

{{/*
Whether each of these patterns keeps its names for one namespace, so that a namespace called `team` gets
nothing of one called `team-a`: (list pattern…).
*/}}
{{- define "s3-resource-operator.keepsNames" -}}
{{- $kept := . }}
{{- range . }}
{{- if not (regexMatch "^[^*?\\[{]*\\{namespace\\}([.].*)?$" (trim .)) }}{{ $kept = false }}{{ end }}
{{- end }}
{{- if $kept }}true{{ end }}
{{- end }}

{{/*
Whether several namespaces are served that could name each other's: without patterns that keep names apart,
or rules that give a namespace lists of its own. Nothing is said of a policy that isn't the chart's.
*/}}
{{- define "s3-resource-operator.namespacesMix" -}}
{{- $policy := .Values.policy }}
{{- $rules := $policy.rules }}
{{- if $policy.file }}{{ $rules = (fromYaml $policy.file).rules }}{{ end }}
{{- $rules = $rules | default (list dict) }}
{{- $served := list }}
{{- range $rules }}{{ $served = concat $served (.namespaces | default (list "*")) }}{{ end }}
{{- $several := or (gt (len ($served | uniq)) 1) (regexMatch "[*?\\[]" (first $served)) }}
{{- if and $several (not $policy.existingConfigMap) }}
{{- $buckets := include "s3-resource-operator.keepsNames" (splitList "," $policy.bucketNamePattern) }}
{{- $users := include "s3-resource-operator.keepsNames" (splitList "," $policy.accessKeyPattern) }}
{{- range $rules }}
{{- $one := and (eq (len (.namespaces | default list)) 1) (not (regexMatch "[*?\\[]" (first .namespaces))) }}
{{- $ownBuckets := or $buckets (include "s3-resource-operator.keepsNames" (.buckets | default list)) (and $one .buckets) }}
{{- $ownUsers := or $users (include "s3-resource-operator.keepsNames" (get . "access-keys" | default list)) (and $one (get . "access-keys")) }}
{{- if not (and $ownBuckets $ownUsers) }}mix{{ end }}
{{- end }}
{{- end }}
{{- end }}
