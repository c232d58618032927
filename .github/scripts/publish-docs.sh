#!/usr/bin/env bash
# Publishes the documents of the version TAG as a site, beside those of earlier versions. The repository's
# settings have to say once that GitHub Pages serves the branch gh-pages.
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
# mike starts mkdocs by its name.
export PATH=$PWD/.venv/bin:$PATH NO_MKDOCS_2_WARNING=1
known=
# There is none before the first release.
if git ls-remote --exit-code --heads origin gh-pages >/dev/null; then
	git fetch --depth 1 origin +gh-pages:gh-pages
	known=$(mike list --json | jq --raw-output '.[].version')
fi
# What is published once more, or mended later, doesn't become the latest version again.
aliases=()
if [[ $(printf '%s\n' "$version" "$known" | sort --version-sort | tail -n 1) == "$version" ]]; then
	aliases=(latest)
fi
mike deploy --update-aliases "$version" "${aliases[@]}"
mike set-default latest

# Whatever address nothing is found at, GitHub Pages shows the page at the root.
pages=$(mktemp -d)
trap 'git worktree remove --force "$pages"' EXIT
git worktree add --quiet "$pages" gh-pages
cp "$pages/latest/404.html" "$pages/404.html"
git -C "$pages" add 404.html
git -C "$pages" diff --cached --quiet || git -C "$pages" commit --quiet --message 'Renew the page for what is not found'
git push origin gh-pages
