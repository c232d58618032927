from __future__ import annotations

from hooks.sync.recent import Recent


def test_the_oldest_is_forgotten_first() -> None:
    recent: Recent[str] = Recent(2)
    for item in ("a", "b", "a", "c"):
        recent.add(item)
    assert ["a" in recent, "b" in recent, "c" in recent] == [True, False, True]


def test_nothing_was_seen_at_first() -> None:
    assert "a" not in Recent(1)
