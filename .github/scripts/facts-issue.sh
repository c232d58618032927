#!/usr/bin/env bash
# Opens an issue on what `make facts-newest` saw of STORE, or adds to the one that is open.
set -euo pipefail

title="The newest release of ${STORE:?} does otherwise than told"
body=$(mktemp)
trap 'rm -f "$body"' EXIT
{
	if [[ -s ${REPORT:?} ]]; then
		cat "$REPORT"
	else
		echo 'It could not be built or started.'
	fi
	printf '\nSeen by %s. What to do stands in docs/stores/README.md.\n' "${RUN_URL:?}"
} >"$body"
open=$(gh issue list --state open --limit 1000 --json number,title \
	--jq "map(select(.title == \"$title\"))[0].number // empty")
if [[ -n $open ]]; then
	gh issue comment "$open" --body-file "$body"
else
	gh issue create --title "$title" --body-file "$body"
fi
