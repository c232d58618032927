"""The pages below docs/stores and the facts are of one another."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.facts import __main__ as command
from tests.facts.fact import Fact, Facts
from tests.facts.worlds import FACTS, STORES
from tests.markdown import Document, coded
from tests.servers.table import SERVERS
from tests.servers.versions import is_asked

DOCS = Path(__file__).parents[2] / "docs"
BACKENDS = Document(DOCS / "backends.md")
SUPPORT = Document(DOCS / "support.md")

every_program = pytest.mark.parametrize("name", FACTS)


def page(name: str) -> Document:
    return Document(DOCS / "stores" / f"{name}.md")


def rows(name: str) -> list[list[str]]:
    return page(name).rows("Tested", "fact")


def told_version(name: str) -> str:
    """What the documents say that a program is tested with."""
    (versions,) = (
        row for row in BACKENDS.text.splitlines() if row.startswith("| tested against |")
    )
    cells = [cell.strip() for cell in versions.strip("|").split("|")][1:]
    if name in STORES:
        return cells[list(STORES).index(name)].split()[-1]
    rows = SUPPORT.rows("What is supported", "what")
    (cell,) = (row[1] for row in rows if row[0] == "Metacontroller")
    return cell


def test_each_store_has_a_page() -> None:
    pages = {path.stem for path in (DOCS / "stores").glob("*.md")} - {"README"}
    assert pages == set(FACTS)
    assert set(STORES) <= set(SERVERS)
    index = {link for link in Document(DOCS / "stores" / "README.md").links if "/" not in link}
    assert {f"{name}.md" for name in FACTS} <= index


@every_program
def test_each_row_has_its_test_and_each_test_its_row(name: str) -> None:
    told = [coded(row[0])[0] for row in rows(name)]
    assert sorted(told) == sorted(fact.id for fact in FACTS[name])
    assert len(told) == len(set(told))


@every_program
def test_each_row_says_what_is_done_about_it_and_with_which_version(name: str) -> None:
    for row in rows(name):
        assert len(row) == 5, row
        assert row[2], row
        assert row[4], row
        assert row[3] == told_version(name), row


@pytest.mark.parametrize("name", ["versitygw", "garage"])
def test_the_version_is_the_one_that_is_built(name: str) -> None:
    if not is_asked(name):
        assert SERVERS[name].version.removeprefix("v") == told_version(name)


def test_minio_s_version_is_the_day_of_its_commit() -> None:
    if not is_asked("minio"):
        found = re.search(r"-(\d{4})(\d\d)(\d\d)\d{6}-", SERVERS["minio"].version)
        assert found
        assert "-".join(found.groups()) == told_version("minio")


def test_what_has_changed_is_told_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    facts: Facts[None] = Facts("store")
    facts.known("same", "as told")(lambda world: "as told")
    facts.known("other", "as told")(lambda world: "something | else")
    facts.known("broken", "as told")(lambda world: str(1 // 0))
    monkeypatch.setattr(command, "FACTS", {"store": facts})
    monkeypatch.setattr(command, "running", _nothing)
    written = tmp_path / "report.md"

    assert command.main(["store", "--report", str(written)]) == 1

    text = capsys.readouterr().out
    assert text == written.read_text()
    assert "store: 3 looked at, 2 changed" in text
    assert "| `store-other` | as told | something / else |" in text
    assert "| `store-broken` | as told | failed with ZeroDivisionError: " in text
    assert "store-same" not in text


def test_nothing_changed_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts: Facts[None] = Facts("store")
    facts.known("same", "as told")(lambda world: "as told")
    monkeypatch.setattr(command, "FACTS", {"store": facts})
    monkeypatch.setattr(command, "running", _nothing)
    assert command.main([]) == 0
    assert "fact" not in capsys.readouterr().out


def test_a_store_that_does_not_start_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def running(name: str, folder: Path) -> Any:
        pytest.fail("it is not built", pytrace=False)

    monkeypatch.setattr(command, "FACTS", {"store": Facts[None]("store")})
    monkeypatch.setattr(command, "running", running)
    assert command.main([]) == 1
    assert "could not be looked at: it is not built" in capsys.readouterr().out


def test_an_unknown_store_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["nothing"])
    assert "no facts of nothing" in capsys.readouterr().err


def test_whatever_goes_wrong_is_something_seen() -> None:
    fact = Fact[None]("store-fact", "as told", lambda world: str([][1]), heavy=False)
    assert fact.look(None).startswith("failed with IndexError")


class _nothing:  # noqa: N801 - stands for a function
    """A store that is none."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None
