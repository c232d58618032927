#!/usr/bin/env bash
# A browser for `make site-check`, where there is none; for Debian. Ubuntu's runners come with one.
set -euo pipefail

for program in "${CHROMIUM_BIN:-}" chromium google-chrome google-chrome-stable chromium-browser; do
	if [[ -n $program ]] && command -v "$program" >/dev/null; then
		exit 0
	fi
done
as_root=()
((EUID == 0)) || as_root=(sudo)
"${as_root[@]}" apt-get update --quiet
"${as_root[@]}" apt-get install --quiet --yes --no-install-recommends chromium fonts-dejavu-core
