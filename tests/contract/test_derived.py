"""Generated credentials: what they are bound to, and RFC 5869."""

from __future__ import annotations

import re

import pytest

from backends.wire.sensitive import Sensitive
from hooks.contract.derived import Derivation, hkdf, is_generated

KEY, OTHER = Sensitive("signing-key"), Sensitive("another-key")
CHANGES, RENAMES = (Derivation(KEY, renames=renames) for renames in (False, True))


@pytest.mark.parametrize(
    ("material", "salt", "info", "length", "expected"),
    [
        pytest.param(
            b"\x0b" * 22,
            bytes(range(13)),
            bytes(range(0xF0, 0xFA)),
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
            id="case-1",
        ),
        pytest.param(
            bytes(range(0x50)),
            bytes(range(0x60, 0xB0)),
            bytes(range(0xB0, 0x100)),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41"
            "c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
            id="case-2",
        ),
        pytest.param(
            b"\x0b" * 22,
            b"",
            b"",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
            id="case-3",
        ),
    ],
)
def test_test_vectors_of_rfc_5869(
    material: bytes, salt: bytes, info: bytes, length: int, expected: str
) -> None:
    assert hkdf(material, salt, info, length).hex() == expected


def test_a_pair_has_the_form_that_every_store_takes() -> None:
    pair = CHANGES.pair("team", "app", 0)
    assert re.fullmatch("GK[0-9a-f]{24}", pair.access_key)
    assert re.fullmatch("[0-9a-f]{64}", pair.secret.reveal())
    assert is_generated(pair.access_key)
    assert not is_generated("team-user")


def test_the_same_is_derived_each_time() -> None:
    assert Derivation(KEY, renames=False).pair("team", "app", 5) == CHANGES.pair("team", "app", 5)


def test_another_place_second_store_or_key_makes_another_pair() -> None:
    pairs = [
        CHANGES.pair("team", "app", 0),
        CHANGES.pair("team", "app", 1),
        CHANGES.pair("team", "other", 0),
        CHANGES.pair("team-a", "pp", 0),
        CHANGES.pair("tea", "mapp", 0),
        Derivation(OTHER, renames=False).pair("team", "app", 0),
        Derivation(KEY, renames=False, store="second").pair("team", "app", 0),
    ]
    assert len({pair.secret for pair in pairs}) == len(pairs)
    # A rotation keeps the user.
    assert len({pair.access_key for pair in pairs}) == len(pairs) - 1


def test_where_no_secret_can_be_changed_the_access_key_changes_with_it() -> None:
    first, second = (RENAMES.pair("team", "app", since) for since in (0, 1))
    assert first.access_key != second.access_key


def test_a_further_key_makes_what_it_made_before() -> None:
    both = Derivation(OTHER, KEY, renames=False)
    first, old = both.keys
    assert both.pair("team", "app", 0) == Derivation(OTHER, renames=False).pair("team", "app", 0)
    assert both.pair("team", "app", 0, old) == CHANGES.pair("team", "app", 0)
    assert both.pair("team", "app", 0, first).key == first


def test_no_secret_is_shown() -> None:
    assert CHANGES.pair("team", "app", 0).secret.reveal() not in repr(
        CHANGES.pair("team", "app", 0)
    )
    assert "signing-key" not in "".join(CHANGES.keys)
