"""What the documents take off again is all that the operator has set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.markdown import Document, coded
from tests.support import PREFIX

DOCS = Path(__file__).parents[2] / "docs"
INSTALL, CONFIGURATION = Document(DOCS / "install.md"), Document(DOCS / "configuration.md")


@pytest.mark.parametrize(
    ("command", "header", "besides"),
    # What a person has set, or a version before 0.1.0; what only some Secrets have.
    [
        ("annotate", "set on the Secret", {"enabled", "grant"}),
        ("label", "label", {"several-buckets"}),
    ],
)
def test_an_uninstall_leaves_nothing_on_a_secret(
    command: str, header: str, besides: set[str]
) -> None:
    (taken,) = re.findall(
        rf' {command} secret "\$name" {re.escape(PREFIX)}{{(.*)}}-', INSTALL.section("Uninstalling")
    )
    rows = CONFIGURATION.rows("Annotations and labels", header)
    assert set(taken.split(",")) == {name for row in rows for name in coded(row[0])} | besides
