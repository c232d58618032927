#!/usr/bin/env bash
# Whether TITLE is a conventional commit of a type that the release's configuration knows.
set -euo pipefail
cd "$(dirname "$0")/../.."

types=$(jq --raw-output '[."changelog-sections"[].type] | join("|")' .github/release-please/config.json)
if [[ ! ${TITLE:?} =~ ^($types)(\([a-z0-9-]+\))?!?:\ [^[:space:]].*[^.[:space:]]$ ]]; then
	printf 'Not a title that a version can follow from: %s\n' "$TITLE" >&2
	printf 'Wanted: TYPE(SCOPE)!: WHAT IT DOES, with the type one of %s;\n' "${types//|/, }" >&2
	printf 'scope and "!" (for what breaks somebody) may be left out.\n' >&2
	exit 1
fi
if ((${#TITLE} > 72)); then
	printf 'Longer than 72 characters: %s\n' "$TITLE" >&2
	exit 1
fi
