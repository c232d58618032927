"""The page about a bucket's settings says what the code says."""

from __future__ import annotations

from pathlib import Path

from backends.bucketsettings import SettingName
from hooks.claim.bucketsettings import source
from tests.documents.settingstable import rules_table, settings_table
from tests.markdown import Document, coded

PAGE = Document(Path(__file__).resolve().parents[2] / "docs" / "bucket-settings.md")


def test_the_tables_of_the_stores_are_those_of_the_code() -> None:
    section = PAGE.section("Which store has what")
    assert settings_table() in section
    assert rules_table() in section


def test_the_keys_are_those_that_are_read() -> None:
    told = [(coded(row[1]), coded(row[2])) for row in PAGE.rows("The keys", "setting")]
    assert told == [([word], [source.generic(word)]) for word in source.WORDS]
    # Each has its word in the policy file, and two words make lifecycle rules with it.
    assert {name.value for name in SettingName} <= set(source.WORDS)
