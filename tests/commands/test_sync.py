"""`sync -f`: what it reads, makes and shows."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from hooks.attachments.attachments import NOT_BY_HAND
from hooks.commands.cli import main
from hooks.commands.processes import LOOPBACK
from hooks.commands.rehearsal import WOULD_BE_READY
from hooks.sync.reconcile import READY
from tests.model import Account, ModelStore

ROOT = Path(__file__).parents[2]
MANIFEST = """
apiVersion: v1
kind: Secret
metadata:
  name: my-app
  namespace: team
  annotations: {s3-resource-operator.io/enabled: "true"}
stringData: {bucket-name: my-bucket, access-key: my-user, access-secret: hunter2}
"""

pytestmark = pytest.mark.usefixtures("configured")


def write(directory: Path, text: str, name: str = "secret.yaml") -> str:
    (directory / name).write_text(text)
    return str(directory / name)


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
        (MANIFEST.replace("name: my-app", "name: 1234"), "metadata.name is not a string"),
        (MANIFEST.replace("name: my-app", "name: off"), "metadata.name is not a string"),
        (MANIFEST.replace("name: my-app", "name: {}"), "metadata.name is not a string"),
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


def test_an_annotation_that_is_no_string_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = MANIFEST.replace('"true"}', '"true", example.com/port: 8080}')
    assert main(["sync", "-f", write(tmp_path, text)]) == 1
    err = capsys.readouterr().err
    assert "metadata.annotations has a value that is not a string, example.com/port" in err
    assert "8080" not in err


def test_a_dry_run_does_not_say_that_what_is_not_there_is_ready(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    model: ModelStore,
) -> None:
    monkeypatch.setenv("ADOPTION", "unowned")
    second = MANIFEST.replace("name: my-app", "name: second").replace("my-user", "second-user")
    there = MANIFEST.replace("my-", "old-")
    model.accounts["old-user"] = Account("hunter2")
    model.owners["old-bucket"] = "old-user"
    file = write(tmp_path, f"{MANIFEST}---{second}---{there}")
    assert main(["sync", "--dry-run", "-f", file]) == 1
    out, err = capsys.readouterr()
    first, late, third = out.splitlines()[1:]
    assert "would be Ready" in first
    assert first.endswith(WOULD_BE_READY)
    # The bucket is nobody's yet.
    assert re.search(r"would be Conflict +BucketOwned +nothing +It would then say: ", late)
    # What is there already is told as it is.
    assert re.search(r"team/old-app +Ready +Provisioned +nothing +The store accepts", third)
    assert err == (
        "Dry run, nothing was written. 3 Secrets: 1 would be Ready, 1 would be Conflict, 1 Ready\n"
    )
    assert main(["sync", "--dry-run", "-f", file, "-o", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["wouldBe"] for row in rows] == [True, True, False]
    # Neither an answer nor a grant for what was never given.
    assert all("response" not in row for row in rows)
    assert READY not in rows[0]["message"]


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
    out, err = capsys.readouterr()
    header, row = (line.split() for line in out.splitlines())
    assert header == ["SECRET", "STATUS", "REASON", "WOULD", "DO", "MESSAGE"]
    assert row[:4] == ["team/my-app", "Retrying", "BackendUnavailable", "nothing"]
    assert err == "Dry run, nothing was written. 1 Secret: 1 Retrying\n"
    assert "hunter2" not in out + err


@pytest.mark.parametrize("text", ["", "kind: Deployment\n", MANIFEST.replace('"true"', '"no"')])
def test_sync_of_no_secret_of_ours_is_fine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str
) -> None:
    assert main(["sync", "-f", write(tmp_path, text), "-o", "json"]) == 0
    assert capsys.readouterr().err == ""


def test_sync_has_no_row_for_a_secret_without_the_annotation(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    other = MANIFEST.replace("s3-resource-operator.io/enabled", "example.com/enabled")
    word = MANIFEST.replace('"true"', '"True"').replace("name: my-app", "name: word")
    assert main(["sync", "-f", write(tmp_path, f"{other}---{word}---{other}")]) == 0
    out, err = capsys.readouterr()
    _, row = out.splitlines()
    assert row.split()[:2] == ["team/word", "-"]
    # Its owner believes it to be switched on.
    assert 'is not exactly "true"' in row
    assert err == "1 Secret: 1 left alone; 2 Secrets without it passed over\n"
    assert main(["sync", "-f", write(tmp_path, other)]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "No Secret with the annotation s3-resource-operator.io/enabled; 1 Secret without it "
        "passed over\n"
    )
    assert main(["sync", "-f", write(tmp_path, f"{other}---{word}"), "-o", "json"]) == 0
    assert [row["secret"] for row in json.loads(capsys.readouterr().out)] == ["team/word"]


def test_problems_are_all_that_is_shown_of_a_sync_if_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, model: ModelStore
) -> None:
    bad = MANIFEST.replace("my-bucket", "../etc").replace("name: my-app", "name: bad")
    off = MANIFEST.replace('"true"', '"false"').replace("name: my-app", "name: idle")
    file = write(tmp_path, f"{MANIFEST}---{bad}---{off}")
    assert main(["sync", "-f", file, "--problems"]) == 1
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines()] == ["SECRET", "team/bad"]
    assert err == "3 Secrets: 1 Ready, 1 Invalid, 1 left alone\n"
    assert main(["sync", "-f", file, "--problems", "-o", "json"]) == 1
    assert [row["secret"] for row in json.loads(capsys.readouterr().out)] == ["team/bad"]
    assert main(["sync", "-f", write(tmp_path, MANIFEST), "--problems"]) == 0
    assert capsys.readouterr() == ("", "1 Secret: 1 Ready\n")


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_table_is_never_cut_whatever_the_width(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    name = "a-secret-with-a-name-" + "x" * 200
    file = write(tmp_path, MANIFEST.replace("name: my-app", f"name: {name}"))
    assert main(["sync", "-f", file]) == 1
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 2
    for word in (f"team/{name} ", "BackendUnavailable", "can't be reached: the connection was"):
        assert word in out


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\u202e", "\u2066", "\u200b", "\u115f", "\r"])
def test_nobody_writes_to_the_terminal_of_whoever_runs_sync(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, char: str
) -> None:
    # Kubernetes takes no such name, but a file is not Kubernetes.
    named = MANIFEST.replace("name: my-app", f"name: {json.dumps('a' + char)}")
    unread = MANIFEST.replace("access-key", json.dumps("k" + char)).replace("my-user", "1")
    folder = tmp_path / f"f{char}"
    folder.mkdir()
    main(["sync", "-f", write(folder, named)])
    main(["sync", "-f", write(folder, unread)])
    main(["sync", "-f", write(folder, MANIFEST), "-f", str(folder / "none")])
    main(["sync", "-f", write(folder, MANIFEST), "-o", "json"])
    out, err = capsys.readouterr()
    assert char not in (out + err).replace("\n", "")
    assert "\ufffd" in err
    assert "my-app" in out


@pytest.mark.long
def test_whoever_reads_may_have_enough(tmp_path: Path) -> None:
    # More than a pipe holds.
    file = write(tmp_path, "---".join([MANIFEST.replace("my-bucket", "../etc")] * 800))
    command = [sys.executable, "-m", "hooks", "sync", "-f", file]
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read().decode()
        assert process.wait(60) == 141
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.long
def test_people_at_a_terminal_see_how_far_a_long_run_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each of them waits its time out, and then the next has its turn.
    monkeypatch.setenv("SYNC_TIMEOUT_SECONDS", "0.3")
    file = write(tmp_path, "---".join([MANIFEST] * 8))
    with socket.create_server((LOOPBACK, 0)) as store:
        monkeypatch.setenv("S3_ENDPOINT_URL", f"http://{LOOPBACK}:{store.getsockname()[1]}")
        shown = at_a_terminal(["sync", "-f", file])
        assert main(["sync", "-f", file]) == 1
    assert re.search(r"\r[1-8] of 8 Secrets done", shown)
    # It is taken away before what stays is printed.
    assert re.search(r"\r\x1b\[K8 Secrets: 8 Retrying\r\n$", shown)


def test_a_short_run_needs_no_progress(tmp_path: Path) -> None:
    assert at_a_terminal(["sync", "-f", write(tmp_path, MANIFEST)]) == "1 Secret: 1 Retrying\r\n"


def at_a_terminal(arguments: list[str]) -> str:
    """What a command writes to standard error, if that is a terminal."""
    ours, theirs = pty.openpty()
    shown = b""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "hooks", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        # Linux says EIO where the other end of a terminal is closed.
        with suppress(OSError):
            while part := os.read(ours, 4096):
                shown += part
        process.wait(60)
    os.close(ours)
    return shown.decode()


def test_sync_of_a_secret_for_a_store_that_nobody_serves_fails(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = MANIFEST.replace("{bucket", "{endpoint-url: 'http://elsewhere', bucket")
    assert main(["sync", "-f", write(tmp_path, text), "-o", "json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["reason"] == "EndpointMismatch"
    enabled = "s3-resource-operator.io/enabled: "
    reported = f"s3-resource-operator.io/endpoint: http://elsewhere, {enabled}"
    assert main(["sync", "-f", write(tmp_path, text.replace(enabled, reported)), "-o", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["status"], row["message"]) == (None, "not this operator's")


def test_sync_reads_standard_input_and_several_files(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(MANIFEST.replace("my-app", "from-stdin")))
    assert main(["sync", "-f", write(tmp_path, MANIFEST), "-f", "-", "-o", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [row["secret"] for row in rows] == ["team/my-app", "team/from-stdin"]
