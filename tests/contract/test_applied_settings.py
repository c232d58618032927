"""The ``applied`` annotation: as it was without settings, and a mark for each with them."""

from __future__ import annotations

import pytest

from backends.bucketsettings import Setting, SettingName
from backends.wire.sensitive import Sensitive
from hooks.contract.applied import STAYS, Applied, Marks, of_buckets
from hooks.contract.grant import Grants

ONE, OTHER = Sensitive("one key"), Sensitive("another key")
TAGS = Setting.of(SettingName.TAGS, {"a": "b"})


def test_without_settings_it_is_the_digest_alone() -> None:
    assert str(Applied.of("digest")) == "digest"
    assert Applied.of("") == Applied("", {})
    assert not str(Applied.of(""))


def test_entries_come_back_as_they_were_and_in_one_order() -> None:
    entries = {("b", SettingName.TAGS): "x", ("a", SettingName.CORS): STAYS}
    text = str(Applied("digest", entries))
    assert text == "digest;a/cors=stays;b/tags=x"
    assert Applied.of(text) == Applied("digest", entries)
    assert of_buckets(entries, {"a"}) == {("a", SettingName.CORS): STAYS}


@pytest.mark.parametrize(
    "text",
    ["d;", "d;a/tags", "d;a/nonsense=x", "d;/tags=x", "d;a/tags=", "d;a/tags=x y", "d;" * 9_999],
)
def test_what_is_no_entry_is_passed_over(text: str) -> None:
    assert Applied.of(text) == Applied("d", {})


def test_a_mark_is_of_one_bucket_setting_and_document_under_any_key() -> None:
    mark = Marks(Grants(ONE)).of("bucket", TAGS)
    assert Marks(Grants(ONE)).fits(mark, "bucket", TAGS)
    assert Marks(Grants(OTHER, ONE)).fits(mark, "bucket", TAGS)
    assert not Marks(Grants(OTHER)).fits(mark, "bucket", TAGS)
    assert not Marks(Grants(ONE)).fits(mark, "another", TAGS)
    assert not Marks(Grants(ONE)).fits(mark, "bucket", Setting.of(SettingName.TAGS, {"a": "c"}))
    assert not Marks(Grants(ONE)).fits(mark, "bucket", Setting.of(SettingName.CORS, {"a": "b"}))
    assert not Marks(Grants(ONE)).fits("", "bucket", TAGS)


def test_a_write_that_was_begun_may_have_left_either_of_two() -> None:
    marks, old = Marks(Grants(ONE)), Setting.of(SettingName.TAGS, {"a": "c"})
    begun = marks.begun(marks.of("bucket", old), "bucket", TAGS, old)
    assert Applied.of(f"d;bucket/tags={begun}").entries == {("bucket", SettingName.TAGS): begun}
    assert not marks.fits(begun, "bucket", TAGS)
    assert marks.wrote(begun, "bucket", TAGS)
    assert marks.wrote(begun, "bucket", old)
    # What somebody else has put there doesn't become the Secret's, and nothing grows.
    for entry, before in (("", old), (begun, TAGS), (STAYS, old), (begun, None)):
        again = marks.begun(entry, "bucket", TAGS, before)
        assert again == f"{marks.of('bucket', TAGS)}."
        assert not marks.wrote(again, "bucket", old)
