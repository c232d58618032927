"""What people see: no control characters, whole tables, and progress where somebody looks."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest

from hooks.terminal import Cell, Progress, counted, print_table, printable, say


class Terminal(io.StringIO):
    """Standard error that somebody looks at."""

    def isatty(self) -> bool:
        return True


def test_no_character_that_controls_or_hides_is_shown() -> None:
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    every = map(chr, range(sys.maxunicode + 1))
    chars = [char for char in every if unicodedata.category(char) in hidden]
    shown = printable("a".join(chars)).split("a")
    assert [
        hex(ord(char)) for char, seen in zip(chars, shown, strict=True) if seen != "\ufffd"
    ] == []


@pytest.mark.parametrize("char", ["\u034f", "\u115f", "\u3164", "\ufe0f", "\uffa0", "\U000e0100"])
def test_what_shows_nothing_is_shown_as_such(char: str) -> None:
    assert char.isprintable()
    assert printable(char) == "\ufffd"


@pytest.mark.parametrize("text", ["plain words", "Größe, 東京, данные, e\u0301", ""])
def test_words_of_any_language_stay_as_they_are(text: str) -> None:
    assert printable(text) == text


def test_a_sentence_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\nb\x1b[2J", file=sys.stderr)
    assert capsys.readouterr() == ("", "a\ufffdb\ufffd[2J\n")


def test_columns_are_as_wide_as_their_widest_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    print_table(["A", "LONG", "C"], [["東京", None, "x" * 500], ["1", Cell("2", "red"), ""]])
    assert capsys.readouterr().out.splitlines() == [
        "A      LONG   C",
        f"東京   -      {'x' * 500}",
        "1      2      -",
    ]


def test_the_numbers_are_told_in_words() -> None:
    assert counted(["Ready", "Invalid", "Ready"]) == "3 Secrets: 2 Ready, 1 Invalid"
    assert counted(["Ready"]) == "1 Secret: 1 Ready"
    assert counted([]) == "0 Secrets"


def steps(total: int | None, times: list[float]) -> None:
    clock = iter(times)
    progress = Progress(total, "done", clock=lambda: next(clock))
    for _ in range(3):
        progress.step()
    progress.clear()
    progress.clear()


# The first is when it begins; two more for each step that is shown.
TIMES = [0.0, 0.5, 1.5, 1.5, 1.6]


def test_progress_is_shown_after_a_while_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    steps(9, TIMES)
    assert shown.getvalue() == "\r2 of 9 Secrets done\r\x1b[K"


def test_progress_without_an_end_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := Terminal())
    steps(None, TIMES)
    assert shown.getvalue() == "\r2 Secrets done\r\x1b[K"


def test_progress_is_nothing_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", shown := io.StringIO())
    steps(9, TIMES)
    assert shown.getvalue() == ""
