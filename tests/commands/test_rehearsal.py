"""`sync`, with and without --dry-run, through the command line and a real store."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.commands.cli import main
from hooks.commands.rehearsal import (
    WOULD_BE_READY,
    WOULD_BE_WIPED,
    Rehearsal,
    would_be_ready,
)
from hooks.contract.decorator import SyncRequest
from tests.conformance.subject import SUBJECTS, RealSubject, versitygw_subject
from tests.model import Account, ModelStore
from tests.support import PREFIX, Operator, Secret, wait

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with versitygw_subject(tmp_path_factory.mktemp("versitygw")) as subject:
        yield subject


@pytest.fixture
def environ(gateway: RealSubject, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in gateway.environ().items():
        monkeypatch.setenv(name, value)


def _manifest(name: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "annotations": {f"{PREFIX}enabled": "true"}},
        "stringData": {"bucket-name": name, "access-key": name, "access-secret": SECRET},
        **more,
    }


def _write(path: Path, *documents: dict[str, Any]) -> str:
    path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
    return str(path)


@pytest.mark.server
def test_dry_run_says_what_sync_then_does_and_writes_nothing(
    gateway: RealSubject, environ: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _write(tmp_path / "secrets.yaml", _manifest("dry-one"), _manifest("dry-two"))
    before = gateway.names()
    assert main(["sync", "-f", file, "--dry-run", "-o", "json"]) == 0
    rehearsed = json.loads(capsys.readouterr().out)
    assert gateway.names() == before
    assert main(["sync", "-f", file, "-o", "json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert [row["actions"] for row in rehearsed] == [["create-user", "create-bucket"]] * 2
    assert [row["actions"] for row in done] == [row["actions"] for row in rehearsed]
    assert gateway.owner("dry-two") == "dry-two"
    assert main(["sync", "-f", file, "-o", "json"]) == 0
    assert [row["actions"] for row in json.loads(capsys.readouterr().out)] == [[], []]


@pytest.mark.server
def test_a_table_for_people_and_an_exit_code_for_scripts(
    environ: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad = _manifest("table-bad", stringData={"bucket-name": "table-bad"})
    other = _manifest("table-other", metadata={"name": "table-other"})
    text = yaml.safe_dump_all([_manifest("table-good"), bad, other, {"kind": "ConfigMap"}])
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["sync", "-f", "-"]) == 1
    shown, summary = capsys.readouterr()
    assert "table-good" in shown
    assert "MissingField" in shown
    assert "table-other" not in shown
    assert summary == "2 Secrets: 1 Ready, 1 Invalid; 1 Secret without it passed over\n"
    assert SECRET not in shown


@pytest.mark.server
def test_check_tells_what_is_wrong_with_the_store(
    gateway: RealSubject,
    environ: None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert main(["check"]) == 0
    assert "ok      admin rights" in capsys.readouterr().out
    monkeypatch.setenv("S3_SECRET_KEY", "not-the-secret")
    assert main(["check"]) == 1
    assert "FAILED  admin rights" in capsys.readouterr().out
    monkeypatch.setenv("S3_REGION", "mars-north-1")
    assert main(["check"]) == 1
    assert "FAILED  admin API" in capsys.readouterr().out


def _nothing(store: ModelStore) -> None:
    pass


def _user(store: ModelStore) -> None:
    store.accounts["user"] = Account(OTHER_SECRET)


def _buckets(store: ModelStore) -> None:
    store.accounts["other"] = Account(OTHER_SECRET)
    store.owners["bucket"] = "other"


def _both(store: ModelStore) -> None:
    _user(store)
    _buckets(store)


def _all_there(store: ModelStore) -> None:
    store.accounts["user"] = Account(SECRET)
    store.owners["bucket"] = "user"


def _admin(store: ModelStore) -> None:
    store.accounts["user"] = Account(OTHER_SECRET, role="admin")


@pytest.mark.parametrize("adoption", ["any", "own-names", "unowned", "never"])
@pytest.mark.parametrize("found", [_nothing, _user, _buckets, _both, _all_there, _admin])
def test_a_rehearsal_foretells_the_outcome_of_every_story(
    found: Callable[[ModelStore], None], adoption: str
) -> None:
    store = ModelStore()
    found(store)
    before = (repr(store.accounts), repr(store.owners))
    environ = {"ADOPTION": adoption}
    secret = Secret.claiming("bucket", "user", SECRET)
    foretold = wait(
        Operator(Rehearsal(store), environ).parts.syncer.sync(SyncRequest.of(secret.document))
    ).outcome
    assert (repr(store.accounts), repr(store.owners)) == before
    done = Operator(store, environ).sync(secret).outcome
    assert foretold == done


@pytest.mark.server
@pytest.mark.parametrize("start", SUBJECTS.values(), ids=list(SUBJECTS))
def test_a_change_of_owner_is_foretold_and_removes_no_settings(
    start: Callable[[Path], AbstractContextManager[RealSubject]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "store").mkdir()
    with start(tmp_path / "store") as subject:
        for name, value in subject.environ().items():
            monkeypatch.setenv(name, value)
        subject.create_user("formerowner", OTHER_SECRET)
        subject.create_bucket("takenbucket", "formerowner")
        file = _write(tmp_path / "secrets.yaml", _manifest("takenbucket"))
        assert main(["sync", "-f", file, "--dry-run", "-o", "json"]) == 0
        (foretold,) = json.loads(capsys.readouterr().out)
        assert subject.owner("takenbucket") == "formerowner"
        assert foretold["actions"] == ["create-user", "change-owner"]
        assert foretold["message"] == f"{WOULD_BE_READY} {WOULD_BE_WIPED}"
        assert main(["sync", "-f", file, "-o", "json"]) == 0
        (done,) = json.loads(capsys.readouterr().out)
        assert done["actions"] == foretold["actions"]
        assert subject.owner("takenbucket") == "takenbucket"


@pytest.mark.parametrize("adoption", ["any", "never"])
@pytest.mark.parametrize("there", [None, SECRET, OTHER_SECRET], ids=["none", "same", "other"])
def test_the_user_of_a_bucket_made_for_another_secret_is_looked_at(
    there: str | None, adoption: str
) -> None:
    store = ModelStore()
    if there:
        store.accounts["user-2"] = Account(there)
    outcomes = []
    for backend in (Rehearsal(store), store):
        operator = Operator(backend, {"ADOPTION": adoption, "CONFLICT_GUARD": "off"})
        secrets = [Secret.claiming("bucket", user, SECRET) for user in ("user", "user-2")]
        outcomes.append([operator.sync(secret).outcome for secret in secrets])
    assert outcomes[0] == outcomes[1]


def test_two_secrets_of_one_file_see_one_another() -> None:
    store = ModelStore()
    operator = Operator(Rehearsal(store))
    first = Secret.claiming("bucket", "user", SECRET)
    second = Secret.claiming("bucket-2", "user", SECRET)
    third = Secret.claiming("bucket", "user", OTHER_SECRET)
    actions = [
        outcome.actions
        for secret in (first, second, third)
        if (outcome := operator.sync(secret).outcome)
    ]
    assert actions == [
        ("create-user", "create-bucket"),
        ("create-bucket",),
        ("update-user",),
    ]
    assert store.accounts == {}


def test_several_buckets_are_foretold_as_one_outcome() -> None:
    store = ModelStore()
    store.accounts["other"] = Account("secret")
    store.owners["two"] = "other"
    rehearsal = Rehearsal(store)
    secret = Secret("list", bucket_names="one,two,three", access_key="user", access_secret=SECRET)
    rehearsal.begin()
    outcome = wait(Operator(rehearsal).parts.syncer.sync(SyncRequest.of(secret.document))).outcome
    assert outcome is not None
    assert [action.value for action in outcome.actions] == [
        "create-user",
        "create-bucket",
        "change-owner",
        "create-bucket",
    ]
    assert rehearsal.told(outcome) == f"{would_be_ready(3)} two: {WOULD_BE_WIPED}"
    assert store.owners == {"two": "other"}
