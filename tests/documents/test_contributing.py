"""What CONTRIBUTING.md says of the code: its wings, and the places of each further thing."""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from backends import REGISTRY
from hooks.contract.outcome import Reason
from tests.documents.test_documents import CONFIGURATION, ROOT, known_variables
from tests.markdown import Document, coded
from tests.servers.table import SERVERS

PAGE = Document(ROOT / "CONTRIBUTING.md")
CONTRACTS = {
    contract["name"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
# A package's name has no hyphen.
FOLDERS = [name.replace("-", "_") for name in REGISTRY]
LAYERS: list[str] = CONTRACTS["a wing imports only wings below it"]["layers"]
# What the chart can't set: ports of its own, and the proxies that are anything's environment.
NOT_IN_THE_CHART = {"HOOK_PORT", "METRICS_PORT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}
# Every program's, and read where requests are made.
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}


def sentence(package: Path) -> str:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text()))
    return " ".join((docstring or "").split())


def folders(package: str) -> set[str]:
    return {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}


def test_the_table_of_the_wings_is_what_import_linter_holds() -> None:
    told = {coded(row[0])[0]: row[1] for row in PAGE.rows("Layout", "wing")}
    assert list(told) == [layer for layer in LAYERS if layer in folders("hooks")]
    assert set(told) == folders("hooks")
    assert told == {wing: sentence(ROOT / "hooks" / wing) for wing in told}
    assert CONTRACTS["a wing imports only wings below it"]["exhaustive"] is True


def test_what_stands_beside_the_wings_is_told() -> None:
    beside = {path.stem for path in (ROOT / "hooks").glob("*.py")} - {"__init__", "__main__"}
    told = re.findall(r"`(\w+)\.py`", PAGE.section("Layout"))
    assert beside <= set(told)
    assert beside == set(LAYERS) - folders("hooks") - {"__main__"}


def test_the_contracts_name_every_store() -> None:
    stores = {f"backends.{name}" for name in FOLDERS}
    assert set(CONTRACTS["stores don't know each other"]["modules"]) == stores
    assert set(CONTRACTS["what stores share knows none of them"]["forbidden_modules"]) == stores
    assert folders("backends") == {*FOLDERS, "wire"}


def test_every_wing_and_every_store_has_its_tests() -> None:
    assert folders("hooks") <= folders("tests")
    assert {*FOLDERS, "wire"} <= folders("tests/backends")


def test_what_the_drawing_of_the_folders_names_is_there() -> None:
    drawing = PAGE.section("Layout").split("```")[1]
    named = re.findall(r"^(\S+/)", drawing, re.MULTILINE)
    assert {"hooks/", "backends/", "tests/"} <= set(named)
    inside = re.findall(r"(?<=[ (])([a-z]+)/", drawing.split("tests/", 1)[1])
    for path in [*named, *(f"tests/{name}" for name in inside)]:
        assert (ROOT / path).is_dir(), path


def paths_and_modules() -> list[str]:
    return sorted({word for word in coded(PAGE.prose) if re.fullmatch(r"[\w./-]+", word)})


@pytest.mark.parametrize("word", [word for word in paths_and_modules() if "/" in word])
def test_a_path_that_is_named_is_there(word: str) -> None:
    if word.startswith((".venv", "~")):
        return
    # Where a name is left open, its folder.
    assert (ROOT / word.partition("NAME")[0]).exists(), word


@pytest.mark.parametrize(
    "word",
    [word for word in paths_and_modules() if re.fullmatch(r"(hooks|backends)\.[\w.]+", word)],
)
def test_a_name_that_is_told_can_be_imported(word: str) -> None:
    module, _, name = word.rpartition(".")
    try:
        importlib.import_module(word)
    except ModuleNotFoundError:
        assert hasattr(importlib.import_module(module), name), word


def used_annotations() -> set[str]:
    """What the code calls its annotations and labels, by their names after the prefix."""
    found: set[str] = set()
    for path in (ROOT / "hooks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
                    if isinstance(value, ast.Name | ast.Attribute) and _is_keys(value):
                        found.add(name)
                case ast.Call(
                    func=ast.Attribute(attr="observed"), args=[_, ast.Constant(value=str(name))]
                ):
                    found.add(name)
    return found


def _is_keys(value: ast.Name | ast.Attribute) -> bool:
    name = value.id if isinstance(value, ast.Name) else value.attr
    return name.strip("_") == "keys"


def told_annotations() -> set[str]:
    section = "Annotations and labels"
    headers = ("read from the Secret", "set on the Secret", "label")
    rows = [row for header in headers for row in CONFIGURATION.rows(section, header)]
    return {name for row in rows for name in coded(row[0])}


def text_of(place: str) -> str:
    path = ROOT / place
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return "\n".join(file.read_text() for file in files if file.suffix != ".pyc")


def word_of(name: str) -> Callable[[str], bool]:
    """Whether a text says a word, whatever its case and whatever stands for a hyphen."""
    words = "[-_ ]".join(map(re.escape, name.split("-")))
    pattern = re.compile(rf"(?<![A-Za-z0-9]){words}(?![a-z0-9])", re.IGNORECASE)
    return lambda text: pattern.search(text) is not None


def reason_is_told(name: str) -> Callable[[str], bool]:
    """A row and a section of the reasons."""
    row, section = f"[{name}](#{name.lower()})", f"\n### {name}\n"
    return lambda text: (
        section in text and any(row in line for line in text.splitlines() if line.startswith("| ["))
    )


THINGS: Mapping[str, Callable[[], Iterable[str]]] = {
    "A store": lambda: REGISTRY,
    "A setting": known_variables,
    "A reason": lambda: [reason.value for reason in Reason],
    "An annotation": told_annotations,
}
EXCEPT: Mapping[tuple[str, str], set[str]] = {
    ("A setting", "helm/templates/"): NOT_IN_THE_CHART,
    ("A setting", "hooks/settings/"): PROXIES,
    # Nobody waits for its program in a workflow.
    ("A store", ".github/e2e/matrix.json"): {name for name in REGISTRY if SERVERS[name].on_request},
}


def missing(thing: str, names: Iterable[str]) -> set[tuple[str, str]]:
    """The places of CONTRIBUTING's table where a name isn't."""
    found = set()
    for row in PAGE.rows(thing, "place"):
        (place, *_) = coded(row[0])
        text = "" if "NAME" in place else text_of(place)
        for name in set(names) - EXCEPT.get((thing, place), set()):
            if "NAME" in place:
                named = (name, name.replace("-", "_"))
                here = any((ROOT / place.replace("NAME", each)).is_dir() for each in named)
            elif (thing, place) == ("A reason", "docs/operations.md"):
                here = reason_is_told(name)(text)
            else:
                here = word_of(name)(text)
            if not here:
                found.add((place, name))
    return found


@pytest.mark.parametrize("thing", THINGS)
def test_each_thing_is_in_all_its_places(thing: str) -> None:
    assert missing(thing, THINGS[thing]()) == set()


@pytest.mark.parametrize("thing", THINGS)
def test_a_further_thing_is_missed_in_each_of_them(thing: str) -> None:
    places = {coded(row[0])[0] for row in PAGE.rows(thing, "place")}
    assert missing(thing, ["UnheardOf"]) == {(place, "UnheardOf") for place in places}


def test_every_annotation_of_the_code_has_a_row() -> None:
    # The bare prefix, and what former versions wrote.
    assert used_annotations() - {"", "grant"} <= told_annotations()


def test_no_place_of_a_store_is_left_out() -> None:
    told = {coded(row[0])[0] for row in PAGE.rows("A store", "place")}
    files = [ROOT / "Makefile", ROOT / "pyproject.toml"]
    for folder in ("hooks", "backends", "tests/conformance", "tests/servers"):
        files += [
            path
            for path in (ROOT / folder).rglob("*.py")
            if not path.name.startswith("test_") and path.parent.name not in FOLDERS
        ]
    naming = {
        str(path.relative_to(ROOT))
        for path in files
        if all(word_of(name)(path.read_text()) for name in REGISTRY)
    }
    assert naming - {"tests/servers/__main__.py"} <= told
