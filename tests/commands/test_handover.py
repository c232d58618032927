"""Generated credentials of a Secret in a file: into a file for its owner alone, or not made."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.errors import Unavailable
from hooks.attachments.attachments import NOT_BY_HAND
from hooks.commands.cli import main
from hooks.commands.handover import NOWHERE, WOULD_ARRIVE
from hooks.commands.processes import LOOPBACK, free_port
from tests.attended import SIGNING_KEY, Attended, ago
from tests.model import ModelStore


@pytest.fixture(autouse=True)
def _signing(configured: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNING_KEY", SIGNING_KEY)


class Filed:
    """A Secret in a file, and the file for its credentials."""

    def __init__(self, folder: Path) -> None:
        self.secret = Attended("app-bucket")
        del self.secret.document["metadata"]["uid"]
        self._manifest = folder / "secret.yaml"
        self.connection = folder / "connection.yaml"

    def sync(self, *arguments: str, filed: bool = True) -> int:
        self._manifest.write_text(yaml.safe_dump(self.secret.document))
        if filed:
            arguments += ("--connection", str(self.connection))
        return main(["sync", "-f", str(self._manifest), *arguments])

    @property
    def pair(self) -> tuple[str, str]:
        (made,) = yaml.safe_load_all(self.connection.read_text())
        access_key, secret = (
            base64.b64decode(made["data"][key]).decode()
            for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        )
        return access_key, secret


@pytest.fixture
def filed(tmp_path: Path) -> Filed:
    return Filed(tmp_path)


def secrets_of(model: ModelStore) -> dict[str, str]:
    return {name: account.secret for name, account in model.accounts.items()}


def shown_row(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (row,) = json.loads(capsys.readouterr().out)
    found: dict[str, Any] = row
    return found


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_without_a_file_none_are_made(
    filed: Filed, model: ModelStore, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    assert filed.sync("-o", output, filed=False) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "NotSupported" in shown
    assert NOWHERE in shown
    assert (model.accounts, model.owners) == ({}, {})


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
def test_they_stand_in_the_file_alone(
    filed: Filed, model: ModelStore, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    for moment in (None, ago(5)):
        filed.secret.annotate(rotate=moment)
        assert filed.sync("-o", output) == 0
        shown = capsys.readouterr()
        access_key, secret = filed.pair
        assert secrets_of(model) == {access_key: secret}
        for word in (secret, base64.b64encode(secret.encode()).decode()):
            assert word not in shown.out + shown.err
    assert filed.connection.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("model")
def test_an_answer_has_neither_an_attachment_nor_a_grant(
    filed: Filed, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filed.sync("-o", "json") == 0
    row = shown_row(capsys)
    assert row["actions"] == ["create-user", "create-bucket"]
    assert "attachments" not in row["response"]
    words = {key.rpartition("/")[2] for key in row["response"]["annotations"]}
    assert "grants" not in words
    assert {"user", "credentials-since"} <= words


@pytest.mark.usefixtures("model")
def test_a_second_run_makes_the_same_ones(filed: Filed, capsys: pytest.CaptureFixture[str]) -> None:
    assert filed.sync() == 0
    before = filed.connection.read_bytes()
    capsys.readouterr()
    assert filed.sync("-o", "json") == 0
    assert shown_row(capsys)["actions"] == []
    assert filed.connection.read_bytes() == before


def test_a_time_in_the_past_rotates_once(
    filed: Filed, model: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filed.sync() == 0
    access_key, former = filed.pair
    moment = ago(5)
    filed.secret.annotate(rotate=moment)
    capsys.readouterr()
    assert filed.sync("-o", "json") == 0
    row = shown_row(capsys)
    assert row["actions"] == ["update-user"]
    annotations = row["response"]["annotations"]
    assert annotations["s3-resource-operator.io/credentials-since"] == moment
    assert "s3-resource-operator.io/next-rotation" not in annotations
    rotated = filed.pair
    assert rotated[1] != former
    assert secrets_of(model) == {access_key: rotated[1]}
    assert filed.sync("-o", "json") == 0
    assert shown_row(capsys)["actions"] == []
    assert filed.pair == rotated


def test_a_rotation_that_is_cut_short_is_finished_by_the_next_run(
    filed: Filed, model: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filed.sync() == 0
    before = filed.connection.read_text()
    filed.secret.annotate(rotate=ago(5))

    def fail(operation: str) -> None:
        if operation == "update_user":
            raise Unavailable("The store can't be reached.")

    model.before = fail
    assert filed.sync() == 1
    assert "Retrying" in capsys.readouterr().out
    # Which of the two the store takes by now nobody knows, so applications keep what they have.
    assert filed.connection.read_text() == before
    model.before = lambda operation: None
    assert filed.sync() == 0
    assert secrets_of(model) == dict([filed.pair])
    assert filed.connection.read_text() != before


def test_neither_an_outage_nor_a_mistake_takes_them_away(
    filed: Filed, model: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filed.sync() == 0
    before = filed.connection.read_text()

    def fail(operation: str) -> None:
        if operation != "close":
            raise Unavailable("The store can't be reached.")

    model.before = fail
    assert filed.sync() == 1
    assert filed.connection.read_text() == before
    model.before = lambda operation: None
    filed.secret.annotate(rotate="yesterday")
    assert filed.sync() == 1
    assert filed.connection.read_text() == before


def test_a_dry_run_writes_nothing_and_says_where_they_would_arrive(
    filed: Filed, model: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filed.sync("--dry-run", "-o", "json", filed=False) == 0
    row = shown_row(capsys)
    assert row["actions"] == ["create-user", "create-bucket"]
    assert row["message"].endswith(WOULD_ARRIVE)
    assert NOT_BY_HAND not in row["message"]
    assert (model.accounts, model.owners) == ({}, {})
    assert filed.sync() == 0
    before = secrets_of(model)
    filed.secret.annotate(rotate=ago(5))
    capsys.readouterr()
    assert filed.sync("--dry-run", "-o", "json", filed=False) == 0
    row = shown_row(capsys)
    assert (row["wouldBe"], row["actions"]) == (True, ["update-user"])
    assert secrets_of(model) == before


def test_what_else_is_wrong_is_told_first(
    filed: Filed, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    filed.secret.annotate(rotate="yesterday")
    assert filed.sync("-o", "json", filed=False) == 1
    assert shown_row(capsys)["reason"] == "InvalidField"
    filed.secret.annotate(rotate=None, connection_secret=None)
    assert filed.sync("-o", "json", filed=False) == 1
    assert shown_row(capsys)["reason"] == "MissingField"
    filed.secret.annotate(connection_secret="app-s3")
    monkeypatch.delenv("SIGNING_KEY")
    assert filed.sync("-o", "json") == 1
    row = shown_row(capsys)
    assert row["reason"] == "NotSupported"
    assert "SIGNING_KEY" in row["message"]


def test_what_a_cluster_has_is_handed_over_and_rotated_there(
    filed: Filed, model: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert filed.sync() == 0
    before, pair = secrets_of(model), filed.pair
    capsys.readouterr()
    filed.secret.document["metadata"]["uid"] = "ce43fd9e-6870-42f9-9f15-94948d720094"
    filed.secret.annotate(rotate=ago(5))
    assert filed.sync("-o", "json", filed=False) == 0
    assert shown_row(capsys)["message"].endswith(NOT_BY_HAND)
    # What the store takes, though others are due.
    assert filed.sync() == 0
    assert filed.pair == pair
    assert secrets_of(model) == before


def test_the_file_remembers_any_pair(
    filed: Filed, model: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADOPTION", "never")
    pairs = set()
    for asked in (
        {},
        {"rotate": ago(500)},
        {"rotate": ago(300)},
        {"rotate_after": "1h"},
        {"rotate_after": None},
        {"rotate": ago(5)},
    ):
        filed.secret.annotate(**asked)
        assert filed.sync() == 0
        assert secrets_of(model) == dict([filed.pair])
        pairs.add(filed.pair)
    # A span may have begun before the time of the last rotation: then it counts for nothing.
    assert len(pairs) in {4, 5}


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "metadata: 1", "metadata: {annotations: 2}"])
@pytest.mark.usefixtures("model")
def test_a_file_of_anything_else_is_written_over(filed: Filed, text: str) -> None:
    filed.connection.write_text(text)
    assert filed.sync() == 0
    before = filed.pair
    marked = filed.connection.read_text()
    filed.connection.write_text(marked.replace("1970-01-01T00:00:00Z", "long ago"))
    assert filed.sync() == 0
    assert filed.pair == before
    assert filed.connection.read_text() == marked


def test_what_the_file_remembers_is_never_made_again(filed: Filed, model: ModelStore) -> None:
    filed.secret.annotate(rotate=ago(500))
    assert filed.sync() == 0
    old = filed.connection.read_text()
    filed.secret.annotate(rotate=ago(5))
    assert filed.sync() == 0
    pair = filed.pair
    # An old copy of the file, which somebody has brought back.
    filed.connection.write_text(old)
    model.calls.clear()
    assert filed.sync() == 0
    assert filed.pair == pair
    assert "update_user" not in model.calls


def test_while_nothing_tells_which_pair_is_in_use_the_file_stays(
    filed: Filed, model: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filed.sync() == 0
    before, accepted = filed.connection.read_text(), secrets_of(model)
    nobody = {"server": f"http://{LOOPBACK}:{free_port()}"}
    config = {
        "clusters": [{"name": "c", "cluster": nobody}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("CONFLICT_GUARD", "on")
    filed.secret.annotate(rotate=ago(5))
    filed.sync()
    assert secrets_of(model) == accepted
    assert filed.connection.read_text() == before
