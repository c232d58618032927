"""The issue that the weekly look at the stores opens, with a `gh` that notes what it is told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".github" / "scripts" / "facts-issue.sh"
TITLE = "The newest release of garage does otherwise than told"
# As gh does, it hands the filter of --jq to jq's language; here the answer is ready.
GH = """#!/usr/bin/env bash
printf '%s\\n' "$@" >"$NOTES/$2"
[[ $2 != list ]] || printf '%s' "$OPEN"
while (($#)); do
\t[[ $1 != --body-file ]] || cp "$2" "$NOTES/body"
\tshift
done
"""


def run(folder: Path, report: str, *, already: str) -> dict[str, str]:
    """What `gh` was told, by the command, and the text that it was given."""
    program = folder / "gh"
    program.write_text(GH)
    program.chmod(0o755)
    notes = folder / "notes"
    notes.mkdir()
    written = folder / "report.md"
    written.write_text(report)
    environ = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "NOTES": str(notes),
        "OPEN": already,
        "STORE": "garage",
        "REPORT": str(written),
        "RUN_URL": "https://example.org/run/1",
    }
    subprocess.run([SCRIPT], env=environ, check=True, capture_output=True, timeout=30)  # noqa: S603
    return {path.name: path.read_text() for path in notes.iterdir()}


@pytest.mark.parametrize("already", ["", "17"])
def test_one_issue_is_open_for_a_store(tmp_path: Path, already: str) -> None:
    told = run(tmp_path, "garage 9.9: 23 looked at, 1 changed\n", already=already)
    expected = {"list", "body", "comment"} if already else {"list", "body", "create"}
    assert told.keys() == expected
    if already:
        assert told["comment"].splitlines()[:3] == ["issue", "comment", "17"]
    else:
        assert told["create"].splitlines()[2:4] == ["--title", TITLE]
    assert "garage 9.9: 23 looked at, 1 changed" in told["body"]
    assert "https://example.org/run/1" in told["body"]
    # Only an open one of this very title counts.
    assert json.dumps(TITLE) in told["list"]


def test_a_store_that_could_not_be_looked_at_is_told_too(tmp_path: Path) -> None:
    told = run(tmp_path, "", already="")
    assert "could not be built or started" in told["body"]
