#!/usr/bin/env bash
# Names the pushed image IMAGE@DIGEST with TAG, and with latest where TAG is no pre-release.
set -euo pipefail

tags=("${TAG:?}")
[[ $TAG == *-* ]] || tags+=(latest)
for tag in "${tags[@]}"; do
	docker buildx imagetools create --tag "${IMAGE:?}:$tag" "$IMAGE@${DIGEST:?}" >&2
	# What was signed is what the tag has to mean.
	found=$(docker buildx imagetools inspect "$IMAGE:$tag" --format '{{.Manifest.Digest}}')
	if [[ $found != "$DIGEST" ]]; then
		printf '%s:%s is %s, not %s\n' "$IMAGE" "$tag" "$found" "$DIGEST" >&2
		exit 1
	fi
done
