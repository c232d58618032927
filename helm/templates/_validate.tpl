{{/* Values that contradict one another, each with the way out. The schema has checked each by itself. */}}
{{- define "s3-resource-operator.validate" -}}
{{- $problems := list }}
{{- $operator := .Values.operator }}
{{- $secret := $operator.secret }}
{{- $garage := eq $operator.backend_name "garage" }}
{{- /* The kubelet waits in preStop by itself since 1.30, so the image needs no shell. One that was built without a version calls itself 0.0.0 and may be any. */}}
{{- $kubernetes := regexFind "[0-9]+\\.[0-9]+" .Capabilities.KubeVersion.Version | default "0.0" }}
{{- if and (not (hasPrefix "0." $kubernetes)) (semverCompare "<1.30.0" (printf "%s.0" $kubernetes)) }}
{{- $problems = append $problems (printf "this Kubernetes is %s, incompatible with the chart: it needs 1.30 or newer" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if not .Values.enabled }}
{{- $problems = append $problems "enabled=false is for the `condition` of an umbrella chart's dependency, which it lacks: add `condition: NAME.enabled` to the dependency in its Chart.yaml, NAME being the dependency's name or alias" }}
{{- end }}
{{- if and (not $secret.create) (not $secret.name) (not .Values.stores) }}
{{- $problems = append $problems "operator.secret.name must be set when operator.secret.create is false: name the Secret that holds the store's credentials" }}
{{- end }}
{{- if and (not $secret.create) $secret.data }}
{{- $problems = append $problems "operator.secret.data has no effect when operator.secret.create is false: remove it, or set operator.secret.create=true" }}
{{- end }}
{{- if and $secret.create $secret.data }}
{{- if not (include "s3-resource-operator.endpointUrl" .) }}
{{- $problems = append $problems "operator.secret.data.S3_ENDPOINT_URL is missing: set it, or operator.endpointUrl" }}
{{- end }}
{{- if and $garage (not $secret.data.S3_ADMIN_TOKEN) }}
{{- $problems = append $problems "operator.secret.data.S3_ADMIN_TOKEN is missing: Garage is administered with a token" }}
{{- end }}
{{- if and $garage (not (include "s3-resource-operator.adminEndpointUrl" .)) }}
{{- $problems = append $problems "operator.adminEndpointUrl is missing: Garage's admin API has a port of its own" }}
{{- end }}
{{- range $key := list "ACCESS_KEY" "SECRET_KEY" }}
{{- $ours := get $secret.data (print "S3_" $key) }}
{{- $root := get $secret.data (print "ROOT_" $key) }}
{{- if not (or $garage $ours $root) }}
{{- $problems = append $problems (printf "operator.secret.data.S3_%s is missing (ROOT_%s is read too)" $key $key) }}
{{- end }}
{{- if and $ours $root (ne $ours $root) }}
{{- $problems = append $problems (printf "operator.secret.data has S3_%s and ROOT_%s, which differ: set one of them" $key $key) }}
{{- end }}
{{- end }}
{{- if or $secret.keys.accessKey $secret.keys.secretKey $secret.keys.adminToken $secret.keys.signingKey }}
{{- $problems = append $problems "operator.secret.keys is for an existing Secret: remove it, or remove operator.secret.data" }}
{{- end }}
{{- else if and (or $secret.keys.accessKey $secret.keys.secretKey) (not (and $secret.keys.accessKey $secret.keys.secretKey)) }}
{{- $problems = append $problems "operator.secret.keys.accessKey and operator.secret.keys.secretKey go together: set both" }}
{{- end }}
{{- if and $operator.caBundle.secret $operator.caBundle.configMap }}
{{- $problems = append $problems "operator.caBundle.secret and operator.caBundle.configMap exclude each other: set one of them" }}
{{- end }}
{{- if and .Values.deletion.enabled (not .Values.conflictGuard.enabled) }}
{{- $problems = append $problems "deletion.enabled needs conflictGuard.enabled: without the guard a Secret could delete what another one uses" }}
{{- end }}
{{- if .Values.stores }}
{{- range $value, $set := dict "operator.secret.data" $secret.data "operator.endpointUrl" $operator.endpointUrl "operator.adminEndpointUrl" $operator.adminEndpointUrl "operator.publicEndpointUrl" $operator.publicEndpointUrl "operator.endpointAliases" $operator.endpointAliases "operator.region" $operator.region "operator.caBundle" (or $operator.caBundle.secret $operator.caBundle.configMap) "operator.secret.keys" (or $secret.keys.accessKey $secret.keys.secretKey $secret.keys.adminToken) }}
{{- if $set }}
{{- $problems = append $problems (printf "%s has no effect beside stores: remove it, each store has its own" $value) }}
{{- end }}
{{- end }}
{{- $names := list }}
{{- range .Values.stores }}{{ $names = concat $names (prepend (get . "former-names" | default list) .name) }}{{ end }}
{{- if ne (len $names) (len ($names | uniq)) }}
{{- $problems = append $problems "stores has a name twice, among the former ones too: each is one store's" }}
{{- end }}
{{- $present := list }}
{{- range .Values.stores }}{{ $present = append $present .name }}{{ end }}
{{- if and .Values.defaultStore (not (has .Values.defaultStore $present)) }}
{{- $problems = append $problems "defaultStore names none of stores" }}
{{- else if not (or .Values.defaultStore (eq (len $present) 1) (has "default" $present)) }}
{{- $problems = append $problems "defaultStore is missing: it names the store of Secrets that name none" }}
{{- end }}
{{- range .Values.stores }}
{{- if and (eq .backend "garage") (not (get . "admin-endpoint")) }}
{{- $problems = append $problems (printf "admin-endpoint of the store %s is missing: Garage's admin API has a port of its own" .name) }}
{{- end }}
{{- with get . "ca-bundle" }}
{{- if or (and .secret .configMap) (not (or .secret .configMap)) }}
{{- $problems = append $problems "ca-bundle of a store takes one of secret and configMap" }}
{{- end }}
{{- end }}
{{- end }}
{{- else if .Values.defaultStore }}
{{- $problems = append $problems "defaultStore has no effect without stores" }}
{{- end }}
{{- $policies := list .Values.policy.rules .Values.policy.file .Values.policy.existingConfigMap | compact }}
{{- if gt (len $policies) 1 }}
{{- $problems = append $problems "policy.rules, policy.file and policy.existingConfigMap exclude one another: set one of them" }}
{{- end }}
{{- $hook := .Values.hook }}
{{- $tls := $hook.tls }}
{{- if and $hook.auth.token $hook.auth.existingSecret }}
{{- $problems = append $problems "hook.auth.token and hook.auth.existingSecret exclude each other: set one of them" }}
{{- end }}
{{- if not (or $hook.auth.enabled .Values.networkPolicy.enabled $tls.mutual.enabled $hook.auth.acceptAnonymous) }}
{{- $problems = append $problems "hook.auth.enabled=false leaves the hook open to everybody in the cluster: set networkPolicy.enabled=true or hook.tls.mutual.enabled=true, or say with hook.auth.acceptAnonymous=true that something else closes the port" }}
{{- end }}
{{- if and (eq $tls.mode "existingSecret") (not $tls.existingSecret) }}
{{- $problems = append $problems "hook.tls.existingSecret must name the certificate's Secret when hook.tls.mode is existingSecret" }}
{{- end }}
{{- if and $tls.existingSecret (ne $tls.mode "existingSecret") }}
{{- $problems = append $problems (printf "hook.tls.existingSecret has no effect when hook.tls.mode is %s: set hook.tls.mode=existingSecret, or remove it" $tls.mode) }}
{{- end }}
{{- if and $tls.mutual.enabled (eq $tls.mode "none") }}
{{- $problems = append $problems "hook.tls.mutual.enabled needs TLS: set hook.tls.mode to selfSigned, certManager or existingSecret" }}
{{- end }}
{{- if and $tls.mutual.enabled (eq $tls.mode "existingSecret") (not $tls.mutual.existingSecret) }}
{{- $problems = append $problems "hook.tls.mutual.existingSecret must name the Secret of Metacontroller's certificate when hook.tls.mode is existingSecret" }}
{{- end }}
{{- if gt (len (keys $tls.caBundle)) 1 }}
{{- $problems = append $problems "hook.tls.caBundle takes one of inline, secretRef and configMapRef" }}
{{- end }}
{{- $needed := add (ceil $operator.syncTimeoutSeconds) .Values.preStopSeconds 2 | int }}
{{- if lt (int .Values.terminationGracePeriodSeconds) $needed }}
{{- $problems = append $problems (printf "terminationGracePeriodSeconds must be at least %d: preStopSeconds, operator.syncTimeoutSeconds and 2 s have to fit in" $needed) }}
{{- end }}
{{- if $hook.timeout }}
{{- if le (trimSuffix "s" $hook.timeout | float64) (float64 $operator.syncTimeoutSeconds) }}
{{- $problems = append $problems "hook.timeout must be longer than operator.syncTimeoutSeconds, or Metacontroller gives up before the operator can say why" }}
{{- end }}
{{- end }}
{{- with .Values.podDisruptionBudget }}
{{- if and .enabled (not (kindIs "invalid" .minAvailable)) (not (kindIs "invalid" .maxUnavailable)) }}
{{- $problems = append $problems "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable exclude each other: set one of them to null" }}
{{- end }}
{{- if and .enabled (regexMatch "^[0-9]+$" (toString .minAvailable)) (ge (int .minAvailable) (int $.Values.replicaCount)) }}
{{- if gt (int $.Values.replicaCount) 0 }}
{{- $problems = append $problems "podDisruptionBudget.minAvailable must be less than replicaCount, or no node can ever be drained" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- $problems = append $problems "serviceMonitor.enabled needs metrics.service.enabled: it finds the pods through that Service" }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled }}
{{- $problems = append $problems "serviceMonitor.enabled and podMonitor.enabled exclude each other, or each pod would be scraped twice: set one of them" }}
{{- end }}
{{- if and .Values.networkPolicy.egress.enabled (not .Values.networkPolicy.egress.to) }}
{{- $problems = append $problems "networkPolicy.egress.to must let the store through when networkPolicy.egress.enabled is true" }}
{{- end }}
{{- if and .Values.rbac.create (not .Values.serviceAccount.create) (not .Values.serviceAccount.name) (include "s3-resource-operator.asksKubernetes" .) }}
{{- $problems = append $problems "serviceAccount.name must name the account when serviceAccount.create is false, or every pod of the namespace would get the operator's permissions with the default one" }}
{{- end }}
{{- if not (regexMatch "^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$" $operator.annotation_key) }}
{{- $problems = append $problems "operator.annotation_key must be an annotation with a prefix, such as example.com/enabled" }}
{{- end }}
{{- /* With server-side apply, which Helm 4 uses, Kubernetes refuses a variable that stands twice. */}}
{{- $values := dict "S3_ENDPOINT_URL" "operator.endpointUrl" "S3_ADMIN_ENDPOINT_URL" "operator.adminEndpointUrl" "SIGNING_KEY_FILE" "operator.signingKey" "HOOK_TOKEN_FILE" "hook.auth" "S3_CA_BUNDLE" "operator.caBundle" "POLICY_FILE" "policy" "STORES_FILE" "stores" }}
{{- $extra := list }}
{{- range .Values.extraEnv }}{{ $extra = append $extra (tpl (toString .name) $) }}{{ end }}
{{- $all := list }}
{{- range include "s3-resource-operator.env" . | fromYamlArray }}{{ $all = append $all .name }}{{ end }}
{{- range $name := uniq $extra }}
{{- $own := 0 }}
{{- range $extra }}{{ if eq . $name }}{{ $own = add1 $own }}{{ end }}{{ end }}
{{- $times := 0 }}
{{- range $all }}{{ if eq . $name }}{{ $times = add1 $times }}{{ end }}{{ end }}
{{- if gt (int $own) 1 }}
{{- $problems = append $problems (printf "extraEnv has %s twice: keep one of them" $name) }}
{{- else if gt (int $times) 1 }}
{{- $value := get $values $name | default (ternary "hook.tls" "operator.secret" (hasPrefix "HOOK_TLS_" $name)) }}
{{- $problems = append $problems (printf "extraEnv must not have %s, which the chart sets itself: use %s instead" $name $value) }}
{{- end }}
{{- end }}
{{- if $problems }}
{{- fail (printf "these values can't be used:\n- %s" (join "\n- " $problems)) }}
{{- end }}
{{- end }}
