#!/usr/bin/env bash
# Adds what `make wheel` made to the release TAG.
set -euo pipefail
cd "$(dirname "$0")/../.."

wheel=dist/s3_resource_operator-${TAG:?}-py3-none-any.whl
if [[ ! -f $wheel ]]; then
	printf 'The wheel is not of version %s: %s\n' "$TAG" "$(echo dist/*.whl)" >&2
	exit 1
fi
gh release upload "$TAG" "$wheel" dist/kubectl-s3_resource_operator.tar.gz --clobber
