"""The commands, as far as no store is needed."""

from __future__ import annotations

import io
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.errors import CredentialsRejected, Misconfigured, StoreError
from hooks import __version__
from hooks.attachments import NOT_BY_HAND
from hooks.cli import main
from hooks.processes import LOOPBACK, free_port
from tests.model import ModelStore
from tests.test_logs import logging_kept

ROOT = Path(__file__).parents[1]
MANIFEST = """
apiVersion: v1
kind: Secret
metadata:
  name: my-app
  namespace: team
  annotations: {s3-resource-operator.io/enabled: "true"}
stringData: {bucket-name: my-bucket, access-key: my-user, access-secret: hunter2}
"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A valid configuration whose store is a port that refuses."""
    kept = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    for name in set(os.environ) - set(kept):
        monkeypatch.delenv(name)
    monkeypatch.setenv("S3_ENDPOINT_URL", f"http://{LOOPBACK}:{free_port()}")
    monkeypatch.setenv("S3_ACCESS_KEY", "operator")
    monkeypatch.setenv("S3_SECRET_KEY", "secret-of-the-operator")
    with logging_kept():
        yield


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """A store in memory in the place of the configured one."""
    store = ModelStore()
    monkeypatch.setattr("hooks.cli.REGISTRY", {"versitygw": lambda *_: store})
    return store


def write(directory: Path, text: str, name: str = "secret.yaml") -> str:
    (directory / name).write_text(text)
    return str(directory / name)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["deploy"],
        ["serve", "now"],
        ["check", "--fast"],
        ["sync"],
        ["sync", "-f"],
        ["sync", "-f", "x", "-o", "yaml"],
        ["--dry-run"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_the_usage(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: s3-resource-operator" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["serve"], ["check"], ["sync"], ["demo"]])
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert "usage: s3-resource-operator" in capsys.readouterr().out


@pytest.mark.parametrize(
    "program",
    [
        [sys.executable, "-m", "hooks"],
        [str(Path(sys.executable).parent / "s3-resource-operator")],
    ],
    ids=["module", "command"],
)
def test_the_module_and_the_command_are_the_same_program(program: list[str]) -> None:
    done = subprocess.run([*program, "--version"], cwd=ROOT, capture_output=True, check=False)  # noqa: S603
    assert (done.returncode, done.stdout.decode().strip()) == (0, __version__)


@pytest.mark.parametrize("command", [["serve"], ["check"], ["sync", "-f", "/nonexistent"]])
def test_a_wrong_configuration_ends_with_2_and_all_mistakes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("S3_ENDPOINT_URL", "secret-of-the-operator")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert [line.partition(":")[0] for line in err.splitlines()[1:]] == [
        "S3_ENDPOINT_URL",
        "LOG_LEVEL",
    ]
    assert "secret-of-the-operator" not in out + err


def test_check_tells_that_the_store_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    out, err = capsys.readouterr()
    assert [line.split(":")[0].split() for line in out.splitlines()] == [
        ["ok", "configuration"],
        ["FAILED", "connectivity"],
    ]
    assert "refused" in out
    assert "secret-of-the-operator" not in out + err


def test_check_gives_up_on_a_store_that_says_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_TIMEOUT_SECONDS", "0.2")
    with socket.create_server((LOOPBACK, 0)) as store:
        monkeypatch.setenv("S3_ENDPOINT_URL", f"http://{LOOPBACK}:{store.getsockname()[1]}")
        assert main(["check"]) == 1
    assert "FAILED  connectivity" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, ["ok configuration", "ok connectivity", "ok admin rights"]),
        (
            CredentialsRejected("The store refuses the operator's own credentials."),
            ["ok configuration", "ok connectivity", "FAILED admin rights"],
        ),
        (
            Misconfigured("The store has no such admin API."),
            ["ok configuration", "ok connectivity", "FAILED admin API"],
        ),
    ],
)
def test_check_tells_how_far_it_got(
    capsys: pytest.CaptureFixture[str],
    model: ModelStore,
    error: StoreError | None,
    expected: list[str],
) -> None:
    def answer(_: str) -> None:
        if error:
            raise error

    model.before = lambda operation: None if operation == "close" else answer(operation)
    assert main(["check"]) == (1 if error else 0)
    out = capsys.readouterr().out
    assert [" ".join(line.split(":")[0].split()) for line in out.splitlines()] == expected
    assert not error or str(error) in out


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: [hunter2", "not valid YAML (line 1)"),
        ("hunter2", "document 1: is not a Kubernetes object"),
        (MANIFEST.replace("name: my-app", "title: hunter2"), "has no metadata.name"),
        (MANIFEST + "data: [hunter2]", "data is not a mapping"),
        (MANIFEST.replace("hunter2", "{a: hunter2}"), "access-secret is not a string"),
        # What YAML makes of a word without quotes.
        (MANIFEST.replace('"true"', "true"), "annotations"),
        (MANIFEST.replace("name: my-app", "name: 1234"), "name"),
        (MANIFEST.replace("v1", "v1alpha1"), "v1 Secret"),
    ],
)
def test_sync_names_the_file_that_is_no_manifest(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, problem: str
) -> None:
    file = write(tmp_path, text)
    assert main(["sync", "-f", file]) == 1
    out, err = capsys.readouterr()
    assert problem in err
    assert file in err
    assert "hunter2" not in out + err
    assert len(err.splitlines()) == 1


def test_sync_does_nothing_when_a_later_document_is_no_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_TIMEOUT_SECONDS", "0.2")
    file = write(tmp_path, f"{MANIFEST}---{MANIFEST.replace('name: my-app', 'name: 1234')}")
    with socket.create_server((LOOPBACK, 0)) as store:
        monkeypatch.setenv("S3_ENDPOINT_URL", f"http://{LOOPBACK}:{store.getsockname()[1]}")
        assert main(["sync", "-f", file]) == 1
        asked, _, _ = select.select([store], [], [], 0)
    assert asked == []


def test_sync_tells_of_a_file_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "-f", "/nonexistent/secret.yaml"]) == 1
    assert "/nonexistent/secret.yaml: can't be read" in capsys.readouterr().err


def test_sync_shows_what_came_of_each_secret(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    invalid = MANIFEST.replace("my-bucket", "../etc").replace("name: my-app", "name: bad")
    other = MANIFEST.replace('"true"', '"false"').replace("name: my-app", "name: other")
    file = write(tmp_path, f"{MANIFEST}---{invalid}---{other}")
    assert main(["sync", "-f", file, "-o", "json"]) == 1
    out, err = capsys.readouterr()
    rows = [(row["secret"], row["status"], row["reason"]) for row in json.loads(out)]
    assert rows == [
        ("team/my-app", "Retrying", "BackendUnavailable"),
        ("team/bad", "Invalid", "InvalidField"),
        ("team/other", None, None),
    ]
    assert "hunter2" not in out
    assert err == ""


def test_sync_makes_what_the_secret_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: ModelStore
) -> None:
    assert main(["sync", "-f", write(tmp_path, MANIFEST), "-o", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["status"], row["dryRun"]) == ("Ready", False)
    assert row["actions"] == ["create-user", "create-bucket"]
    assert model.owners == {"my-bucket": "my-user"}


def test_a_dry_run_says_the_same_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: ModelStore
) -> None:
    assert main(["sync", "--dry-run", "-f", write(tmp_path, MANIFEST), "-o", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["status"], row["dryRun"]) == ("Ready", True)
    assert row["actions"] == ["create-user", "create-bucket"]
    assert (model.accounts, model.owners) == ({}, {})


def test_sync_leaves_connection_secrets_to_metacontroller(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: ModelStore
) -> None:
    marks = 'enabled: "true", s3-resource-operator.io/connection-secret: my-app-s3'
    text = MANIFEST.replace('enabled: "true"', marks)
    assert main(["sync", "-f", write(tmp_path, text), "-o", "json"]) == 0
    [row] = json.loads(capsys.readouterr().out)
    assert (row["status"], row["message"].endswith(NOT_BY_HAND)) == ("Ready", True)
    assert "attachments" not in row["response"]


def test_sync_prints_a_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["sync", "-f", write(tmp_path, MANIFEST), "--dry-run"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    for word in ("Secret", "Status", "Would do", "team/my", "Retrying", "nothing"):
        assert word in out
    assert "hunter2" not in out


@pytest.mark.parametrize("text", ["", "kind: Deployment\n", MANIFEST.replace('"true"', '"no"')])
def test_sync_of_no_secret_of_ours_is_fine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    assert main(["sync", "-f", write(tmp_path, text)]) == 0
    assert capsys.readouterr().err == ""


def test_sync_of_a_secret_for_another_store_is_fine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = MANIFEST.replace("{bucket", "{endpoint-url: 'http://elsewhere', bucket")
    assert main(["sync", "-f", write(tmp_path, text), "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["reason"] == "EndpointMismatch"


def test_sync_reads_standard_input_and_several_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(MANIFEST.replace("my-app", "from-stdin")))
    assert main(["sync", "-f", write(tmp_path, MANIFEST), "-f", "-", "-o", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["secret"] for row in rows] == ["team/my-app", "team/from-stdin"]
