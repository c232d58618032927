#!/usr/bin/env bash
# Copies Metacontroller's program and CRDs out of the release that the e2e tests use, into
# .metacontroller. Needs docker and helm.
set -euo pipefail
cd "$(dirname "$0")/../.."

version=$(jq --exit-status --raw-output .metacontroller .github/e2e/matrix.json)
mkdir -p .metacontroller
container=$(docker create "ghcr.io/metacontroller/metacontroller:v$version")
trap 'docker rm "$container" >/dev/null' EXIT
docker cp "$container:/usr/bin/metacontroller" .metacontroller/metacontroller
helm show crds oci://ghcr.io/metacontroller/metacontroller-helm --version "$version" \
	>.metacontroller/crds.yaml
