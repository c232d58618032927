#!/usr/bin/env bash
# The shells whose completion the tests try; for Debian and Ubuntu.
set -euo pipefail

sudo apt-get update --quiet
sudo apt-get install --quiet --yes --no-install-recommends zsh fish
