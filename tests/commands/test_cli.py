"""The commands, as far as no store is needed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from backends.errors import CredentialsRejected, Misconfigured, StoreError
from hooks import __version__
from hooks.commands.cli import main
from hooks.commands.processes import LOOPBACK
from tests.model import ModelStore

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("configured")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["deploy"],
        ["serve", "now"],
        ["check", "--fast"],
        ["sync"],
        ["sync", "-f"],
        ["sync", "-f", "x", "-o", "xml"],
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


@pytest.mark.parametrize("command", [["check"], ["sync", "-f", os.devnull]])
def test_what_may_be_a_misspelt_variable_is_a_warning(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("LOGLEVEL", "secret-of-the-operator")
    main(command)
    out, err = capsys.readouterr()
    assert "warning: LOGLEVEL: is not read: LOG_LEVEL seems to be meant" in err
    assert "secret-of-the-operator" not in out + err


def test_serve_logs_what_may_be_a_misspelt_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGLEVEL", "debug")
    with socket.create_server((LOOPBACK, 0)) as taken:
        # It ends at once, since somebody else listens there.
        monkeypatch.setenv("HOOK_PORT", str(taken.getsockname()[1]))
        assert main(["serve"]) == 1
    line = json.loads(capsys.readouterr().err.splitlines()[0])
    assert (line["level"], line["message"]) == (
        "WARNING",
        "LOGLEVEL: is not read: LOG_LEVEL seems to be meant",
    )


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


def test_the_demo_without_its_packages_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "hooks.commands.demo", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert main(["demo"]) == 2
    assert "s3-resource-operator[demo]" in capsys.readouterr().err
