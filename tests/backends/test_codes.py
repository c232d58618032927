"""The tables of the stores' error codes: complete, and each row in use."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import backends.errors
import backends.wire.buckets
from backends import REGISTRY
from backends.base import Answer, Gap
from backends.errors import CredentialsRejected, Misconfigured, ServerFault
from backends.wire.codes import Code, Codes

STORES = sorted(entry.module.rpartition(".")[0] for entry in REGISTRY.values())


def codes_of(store: str) -> Codes:
    table = importlib.import_module(f"{store}.errors").CODES
    assert isinstance(table, Codes)
    return table


def modules_of(store: str) -> list[ModuleType]:
    folder = Path(str(importlib.import_module(store).__file__)).parent
    return [importlib.import_module(f"{store}.{path.stem}") for path in folder.glob("[a-z]*.py")]


def used_in(module: ModuleType) -> set[str]:
    """The codes that a module compares an answer's with, or tells its callees to expect."""
    tree = ast.parse(Path(str(module.__file__)).read_text())
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Attribute) and side.attr == "code" for side in sides):
                found.update(text for side in sides for text in texts(side, module))
        elif isinstance(node, ast.keyword) and node.arg == "expected":
            found.update(texts(node.value, module))
    found.update(text for text in flat(getattr(module, "_SETTINGS", {})))
    return found


def texts(expression: ast.expr, module: ModuleType) -> Iterator[str]:
    """The texts that stand in an expression, or behind a constant of the module's in it."""
    for node in ast.walk(expression):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.Name):
            yield from flat(getattr(module, node.id, ()))


def flat(value: object) -> Iterator[str]:
    """The texts in a constant; of a mapping those of its values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from flat(item)
    elif isinstance(value, frozenset | set | tuple | list):
        for item in value:
            yield from flat(item)


@pytest.mark.parametrize("store", STORES)
def test_each_code_that_a_store_s_backend_knows_stands_in_its_table(store: str) -> None:
    named = {code.name for code in codes_of(store)}
    for module in modules_of(store):
        assert used_in(module) - {""} <= named, module.__name__


@pytest.mark.parametrize("store", STORES)
def test_each_code_of_a_table_is_used(store: str) -> None:
    shared = [backends.wire.buckets, backends.errors]
    used = {text for module in [*modules_of(store), *shared] for text in used_in(module)}
    passed_on = {
        text
        for module in modules_of(store)
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text()))
        if isinstance(node, ast.Call)
        for argument in node.args
        if isinstance(argument, ast.Name)
        for text in flat(getattr(module, argument.id, ()))
    }
    for code in codes_of(store):
        told = code.gap or code.error or code.to_tenant or code.to_admin
        assert told or code.name in used | passed_on, code.name


@pytest.mark.parametrize("store", STORES)
def test_each_row_says_what_it_means_and_where_it_was_seen(store: str) -> None:
    table = codes_of(store)
    assert any(character.isdigit() for character in table.seen)
    meanings = [code.meaning for code in table]
    assert all(meanings)
    assert not any(meaning.endswith(".") for meaning in meanings)


@pytest.mark.parametrize("store", STORES)
def test_a_tenant_s_refusals_lead_to_every_gap_that_a_probe_can_show(store: str) -> None:
    gaps = [code.gap for code in codes_of(store) if code.gap is not None]
    assert Gap.ACCEPTED not in gaps
    assert {Gap.NO_BUCKET, Gap.DENIED} <= set(gaps)


def test_a_code_stands_in_a_table_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        Codes("a store 1.0", Code("Gone", "it is gone"), Code("Gone", "it is not there"))


def test_an_answer_means_what_the_table_says_to_whom_it_is_said() -> None:
    table = Codes(
        "a store 1.0",
        Code("Denied", "not allowed", gap=Gap.DENIED),
        Code("NoAccounts", "no accounts", error=lambda _: Misconfigured("no accounts")),
        Code("Who", "unknown", to_admin=lambda _: CredentialsRejected("unknown")),
    )
    assert table.gap(Answer(200, b"")) is Gap.ACCEPTED
    assert table.gap(Answer(403, b"", "Denied")) is Gap.DENIED
    with pytest.raises(Misconfigured, match="no accounts"):
        table.gap(Answer(403, b"", "NoAccounts"))
    with pytest.raises(ServerFault, match="403 Else"):
        table.gap(Answer(403, b"", "Else"))
    assert isinstance(table.error(Answer(403, b"", "Who"), admin=False), ServerFault)
    assert isinstance(table.admin_error(Answer(403, b"", "Who")), CredentialsRejected)
    answer = Answer(200, b"")
    assert table.require(answer) is answer
    with pytest.raises(CredentialsRejected):
        table.require(Answer(403, b"", "Who"))
