#!/usr/bin/env bash
# Packages the chart as version TAG and pushes it to CHARTS; prints digest=sha256:... of it.
set -euo pipefail
cd "$(dirname "$0")/../.."

target=$(mktemp --directory)
trap 'rm -rf "$target"' EXIT
helm package helm --version "${TAG:?}" --app-version "$TAG" --destination "$target" >&2
pushed=$(helm push "$target/s3-resource-operator-$TAG.tgz" "oci://${CHARTS:?}" 2>&1)
printf '%s\n' "$pushed" >&2
grep --only-matching --extended-regexp --max-count=1 'sha256:[0-9a-f]{64}' <<<"$pushed" |
	sed 's/^/digest=/'
