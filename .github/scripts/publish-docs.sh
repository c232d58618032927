#!/usr/bin/env bash
# Publishes the documents of the version TAG as a site, beside those of earlier versions.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Patches of a minor version share a page's address.
version=${TAG:?}
version=${version%.*}
if [[ $TAG == *-* ]]; then
	printf 'A pre-release has no pages of its own: %s\n' "$TAG" >&2
	exit 0
fi
gh auth setup-git
git config user.name 'github-actions[bot]'
git config user.email '41898282+github-actions[bot]@users.noreply.github.com'
# There is none before the first release.
if git ls-remote --exit-code --heads origin gh-pages >/dev/null; then
	git fetch --depth 1 origin gh-pages:gh-pages
fi
# mike starts mkdocs by its name.
export PATH=$PWD/.venv/bin:$PATH NO_MKDOCS_2_WARNING=1
mike deploy --update-aliases "$version" latest
mike set-default --push latest
