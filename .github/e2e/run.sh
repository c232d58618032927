#!/usr/bin/env bash
# End to end on the kind cluster CLUSTER, which kubectl has to point to: the released Metacontroller,
# the store BACKEND, the chart, and a tenant that uses its bucket. IMAGE is the operator's, built.
set -euo pipefail
cd "$(dirname "$0")/../.."

: "${BACKEND:?}" "${IMAGE:?}" "${STORE:?the program of the store}"
cluster=${CLUSTER:-e2e}
e2e=.github/e2e
operator=s3-resource-operator

explain() {
	printf '\nIt failed. What the cluster says:\n' >&2
	kubectl get pods,jobs,decoratorcontrollers --all-namespaces >&2
	kubectl get events --all-namespaces --field-selector type=Warning >&2
	# No data: the Secret holds credentials.
	kubectl --namespace tenant get secret tenant --output jsonpath='{.metadata.annotations}{"\n"}' >&2
	kubectl --namespace "$operator" logs --selector "app.kubernetes.io/name=$operator" --tail 200 >&2
	kubectl --namespace metacontroller logs --selector app.kubernetes.io/name=metacontroller-helm --tail 100 >&2
	kubectl --namespace store logs deployment/store --tail 100 >&2
}
trap 'explain || true' ERR

ready() {
	kubectl --namespace tenant wait secret/tenant --timeout 2m \
		--for jsonpath='{.metadata.labels.s3-resource-operator\.io/status}'=Ready
}

# Writes and reads an object with nothing but what the Secret holds.
use_bucket() {
	kubectl --namespace tenant delete job use-bucket --ignore-not-found
	sed "s|IMAGE|$IMAGE|" "$e2e/use-bucket.yaml" | kubectl apply --server-side --filename -
	kubectl --namespace tenant wait job/use-bucket --for condition=complete --timeout 3m
}

echo "--- images"
context=$(mktemp --directory)
cp "$STORE" "$context/store"
dockerfile=$e2e/$BACKEND/store.Dockerfile
[[ -e $dockerfile ]] || dockerfile=$e2e/store.Dockerfile
docker build --quiet --tag store:e2e --file "$dockerfile" "$context"
rm -rf "$context"
kind load docker-image --name "$cluster" store:e2e "$IMAGE"

echo "--- Metacontroller"
version=$(jq --exit-status --raw-output .metacontroller "$e2e/matrix.json")
helm upgrade --install metacontroller oci://ghcr.io/metacontroller/metacontroller-helm \
	--version "$version" --namespace metacontroller --create-namespace --wait --timeout 3m

echo "--- $BACKEND"
kubectl apply --server-side --filename "$e2e/namespaces.yaml"
kubectl apply --server-side --filename "$e2e/$BACKEND/store.yaml"
kubectl --namespace store rollout status deployment/store --timeout 2m

echo "--- the operator"
helm upgrade --install "$operator" helm --namespace "$operator" --values "$e2e/$BACKEND/values.yaml" \
	--set "image.repository=${IMAGE%:*}" --set "image.tag=${IMAGE##*:}" --wait --timeout 3m
helm test "$operator" --namespace "$operator" --logs

echo "--- a tenant"
kubectl apply --server-side --filename "$e2e/tenant.yaml"
ready
use_bucket

echo "--- other credentials"
kubectl --namespace tenant patch secret tenant --type merge --patch-file "$e2e/$BACKEND/rotation.json"
# The status may still be that of the credentials before: the job tries until it gets in.
use_bucket
ready

echo "--- an upgrade that changes nothing"
# Helm keeps a Secret of its own for each revision; of the rest, only what they say counts.
state() {
	kubectl --namespace "$operator" get deployments,secrets,configmaps --output json |
		jq '[.items[] | select(.type != "helm.sh/release.v1") | {kind, name: .metadata.name, spec, data}]'
}
before=$(state)
helm upgrade "$operator" helm --namespace "$operator" --reuse-values --wait --timeout 3m
if [[ $(state) != "$before" ]]; then
	# Not a diff: that would print the Secrets.
	echo "the same values made something else" >&2
	false
fi

echo "--- gone again"
helm uninstall "$operator" --namespace "$operator" --wait --timeout 3m
# Neither bucket nor user go with it: the tenant goes on.
use_bucket
