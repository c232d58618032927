#!/usr/bin/env bash
# Signs REFERENCE (REPOSITORY@sha256:...) without a key: with the identity of this workflow.
set -euo pipefail

# A tag could mean something else by the time it is signed.
if [[ ! ${REFERENCE:?} =~ @sha256:[0-9a-f]{64}$ ]]; then
	printf 'Not a digest: %s\n' "$REFERENCE" >&2
	exit 1
fi
cosign sign --yes "$REFERENCE"
