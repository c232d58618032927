"""Secret manifests as people write them in files."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import pytest

from hooks.commands.manifest import ManifestError, read

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: team}\n"


def secrets(directory: Path, text: str | bytes, name: str = "file.yaml") -> list[dict[str, Any]]:
    file = directory / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read([str(file)]))


def plain(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def names(found: list[dict[str, Any]]) -> list[str]:
    return [secret["metadata"]["name"] for secret in found]


def test_string_data_is_merged_over_data_as_the_api_server_does(tmp_path: Path) -> None:
    text = SECRET + "data: {a: b25l, b: dHdv}\nstringData: {b: three, c: \u00fc}\n"
    (secret,) = secrets(tmp_path, text)
    assert plain(secret) == {"a": "one", "b": "three", "c": "\u00fc"}
    assert "stringData" not in secret


@pytest.mark.parametrize("extra", ["", "data:\n", "data: {}\nstringData:\n"])
def test_a_secret_may_have_no_data(tmp_path: Path, extra: str) -> None:
    (secret,) = secrets(tmp_path, SECRET + extra)
    assert secret["data"] == {}


def test_a_secret_without_a_namespace_is_in_default(tmp_path: Path) -> None:
    text = SECRET.replace(", namespace: team", "")
    assert secrets(tmp_path, text)[0]["metadata"]["namespace"] == "default"
    assert secrets(tmp_path, SECRET)[0]["metadata"]["namespace"] == "team"


@pytest.mark.parametrize("namespace", ["", '""', "null"])
def test_an_empty_namespace_is_none(tmp_path: Path, namespace: str) -> None:
    text = f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n  namespace: {namespace}\n"
    (secret,) = secrets(tmp_path, text)
    assert secret["metadata"]["namespace"] == "default"


def test_base64_may_be_in_lines(tmp_path: Path) -> None:
    (secret,) = secrets(tmp_path, SECRET + "data:\n  a: |\n    b25l\n    dHdv\n  b: 'dHdv\r'\n")
    assert plain(secret) == {"a": "onetwo", "b": "two"}


@pytest.mark.parametrize("kind", ["[Secret]", "{a: Secret}", "1", "null"])
def test_a_kind_that_is_none_is_passed_over(tmp_path: Path, kind: str) -> None:
    assert secrets(tmp_path, f"kind: {kind}\nmetadata: {{name: a}}\n") == []


def test_several_documents_are_read_and_other_kinds_passed_over(tmp_path: Path) -> None:
    text = f"---\n{SECRET}---\nkind: Deployment\nspec: [1]\n---\n# nothing\n---\n{SECRET}"
    assert names(secrets(tmp_path, text.replace("name: a", "name: b", 1))) == ["b", "a"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n"])
def test_an_empty_file_has_no_secret(tmp_path: Path, text: str) -> None:
    assert secrets(tmp_path, text) == []


def test_json_is_read_too(tmp_path: Path) -> None:
    text = (
        '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": "eA=="}}'
    )
    assert plain(secrets(tmp_path, text)[0]) == {"k": "x"}


def test_the_secrets_of_a_list_are_read(tmp_path: Path) -> None:
    item = '{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "%s"}}'
    other = '{"kind": "ConfigMap", "metadata": {"name": "c"}}'
    text = f'{{"kind": "List", "items": [{item % "a"}, {other}, {item % "b"}]}}'
    assert names(secrets(tmp_path, text)) == ["a", "b"]


def test_the_api_servers_own_list_has_items_without_a_kind(tmp_path: Path) -> None:
    text = '{"kind": "SecretList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}}]}'
    (secret,) = secrets(tmp_path, text)
    assert (secret["apiVersion"], secret["kind"]) == ("v1", "Secret")


def test_several_files_are_read_in_order(tmp_path: Path) -> None:
    files = []
    for name in ("b", "a"):
        (tmp_path / name).write_text(SECRET.replace("name: a", f"name: {name}"))
        files.append(str(tmp_path / name))
    assert names(list(read(files))) == ["b", "a"]


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(SECRET))
    assert names(list(read(["-"]))) == ["a"]


def test_standard_input_is_named_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2"))
    with pytest.raises(ManifestError, match=r"^standard input, document 1: ") as caught:
        list(read(["-"]))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: [hunter2", id="not closed"),
        pytest.param("a: b: hunter2", id="two colons"),
        pytest.param("\thunter2: x", id="a tab"),
        pytest.param("a: *hunter2", id="an unknown alias"),
        pytest.param("a: !!python/object/apply:os.getcwd [hunter2]", id="a Python object"),
        pytest.param("a: !hunter2 x", id="an unknown tag"),
        pytest.param("? {hunter2: b}\n: c", id="a mapping as a key"),
        pytest.param("hunter2\x00", id="NUL"),
        pytest.param(b"\xff\xfehunter2", id="not UTF-8"),
        # These the YAML library answers with errors of other kinds.
        pytest.param("a: 2001-99-99 # hunter2", id="no such date"),
        pytest.param("a: !!int hunter2", id="no integer"),
        pytest.param("a: !!float hunter2", id="no number"),
        pytest.param("a: !!bool hunter2", id="neither true nor false"),
        pytest.param("a: !!timestamp hunter2", id="no timestamp"),
        pytest.param("a: " + "[" * 1_000 + "hunter2", id="deep lists"),
        pytest.param(SECRET + 'stringData: {a: "hunter2 \\ud800"}', id="a surrogate"),
    ],
)
def test_a_file_that_is_no_yaml_is_named_and_not_quoted(tmp_path: Path, text: str | bytes) -> None:
    with pytest.raises(ManifestError) as caught:
        secrets(tmp_path, text)
    assert str(tmp_path / "file.yaml") in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hunter2", "not a Kubernetes object"),
        ("[hunter2]", "not a Kubernetes object"),
        ("kind: List\nitems: [hunter2]", "not a Kubernetes object"),
        ("&hunter2 {kind: List, items: [*hunter2]}", "a list that holds itself"),
        ("kind: Secret", "metadata.name"),
        ("kind: Secret\nmetadata: hunter2", "metadata.name"),
        ("kind: Secret\nmetadata: {namespace: hunter2}", "metadata.name"),
        (SECRET + "data: hunter2", "data is not a mapping"),
        (SECRET + "data: [hunter2]", "data is not a mapping"),
        (SECRET + "stringData: hunter2", "stringData is not a mapping"),
        (SECRET + "stringData: {user-id: 1000}", "user-id is not a string: put it into quotes"),
        (SECRET + "stringData: {a: {b: hunter2}}", "stringData.a is not a string"),
    ],
)
def test_what_is_no_secret_is_told_by_file_and_document(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        secrets(tmp_path, f"kind: Pod\n---\n{text}")
    assert str(caught.value).startswith(f"{tmp_path / 'file.yaml'}, document 2: ")
    assert problem in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_the_line_of_an_error_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"\(line 3\)"):
        secrets(tmp_path, "a: 1\nb: 2\nc: d: e\n")


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_can_not_be_read_is_named(tmp_path: Path, name: str) -> None:
    file = str(tmp_path / name)
    with pytest.raises(ManifestError) as caught:
        list(read([file]))
    assert str(caught.value).startswith(f"{file}: can't be read")
