"""The status command, against a real Kubernetes API."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.wire.sensitive import Sensitive
from hooks.commands.overview import Row, age
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.contract.status import Keys
from tests.commands.overviews import call, put
from tests.servers.accounts import kubeconfig, secret
from tests.servers.cluster import Cluster
from tests.support import PREFIX

FIELDS = {
    "namespace",
    "name",
    "status",
    "reason",
    "message",
    "bucket",
    "user",
    "endpoint",
    "since",
}

pytestmark = pytest.mark.usefixtures("unconfigured")


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_all_ready_or_skipped_is_0(
    api_cluster: Cluster, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    since = (datetime.now(UTC) - timedelta(minutes=5, seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    put(
        api_cluster,
        namespace,
        "app",
        "Ready",
        reason="Provisioned",
        last_transition_time=since,
        message="All is well.",
        bucket="app-bucket",
        user="app-user",
        endpoint="https://s3.example.com",
    )
    put(api_cluster, namespace, "elsewhere", "Skipped", reason="EndpointMismatch")
    # One that the operator never answered for.
    api_cluster.api.create(secret(namespace, "plain"))
    assert call("-n", namespace) == 0
    out, err = capsys.readouterr()
    header, first, second = (line.split() for line in out.splitlines())
    assert header == ["NAMESPACE", "NAME", "STATUS", "REASON", "AGE"]
    assert first == [namespace, "app", "Ready", "Provisioned", "5m"]
    assert second == [namespace, "elsewhere", "Skipped", "EndpointMismatch", "-"]
    assert err == "2 Secrets: 1 Ready, 1 Skipped\n"
    assert call("-n", namespace, "-o", "wide") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[5:] == ["BUCKET", "USER", "ENDPOINT", "MESSAGE"]
    rest = ["app-bucket", "app-user", "https://s3.example.com", "All", "is", "well."]
    assert lines[1].split()[5:] == rest


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_a_secret_that_lost_its_annotation_has_no_row(
    api_cluster: Cluster, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(api_cluster, namespace, "app", "Ready")
    # Nobody looks after these any more: whatever stands there is old.
    put(api_cluster, namespace, "off", "Conflict", enabled="false")
    labels = {f"{PREFIX}status": "Conflict"}
    api_cluster.api.create(secret(namespace, "taken-off", labels=labels))
    assert call("-n", namespace) == 0
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in out.splitlines()] == ["NAME", "app"]
    assert err == (
        "1 Secret: 1 Ready; 2 Secrets with a status, but without "
        's3-resource-operator.io/enabled: "true", left out\n'
    )
    assert call("-n", namespace, "-o", "json") == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["app"]


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_problems_are_all_that_is_shown_if_asked_for(
    api_cluster: Cluster, namespace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    put(api_cluster, namespace, "app", "Ready")
    assert call("-n", namespace, "--problems") == 0
    assert capsys.readouterr() == ("", "1 Secret: 1 Ready\n")
    put(api_cluster, namespace, "poor", "Conflict", reason="BucketOwned")
    put(api_cluster, namespace, "late", "Retrying", reason="Timeout")
    put(api_cluster, namespace, "other", "Skipped", reason="EndpointMismatch")
    assert call("-n", namespace, "--problems") == 1
    out, err = capsys.readouterr()
    assert [line.split()[1] for line in out.splitlines()] == ["NAME", "late", "poor"]
    assert err == "4 Secrets: 1 Ready, 1 Retrying, 1 Skipped, 1 Conflict\n"
    assert call("-n", namespace, "--problems", "-o", "json") == 1
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == ["late", "poor"]


def grant(cluster: Cluster, namespace: str, name: str, *, key: str, former: bool = False) -> None:
    """Signs a Secret's grant."""
    put(cluster, namespace, name, "Ready", bucket="a-bucket", user="a-user")
    found = cluster.api.get("Secret", name, namespace)
    assert found is not None
    uid, grants = found["metadata"]["uid"], Grants(Sensitive(key))
    own = Holding(1, Kind.OWN)
    change = (
        {f"{PREFIX}grant": grants.issue_first(uid, "a-bucket", "a-user", 1)}
        if former
        else {f"{PREFIX}grants": grants.issue(uid, Grant("a-user", own, {"a-bucket": own}), 1)}
    )
    cluster.api.merge("Secret", name, namespace, {"metadata": {"annotations": change}})


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_grants_that_wait_for_the_first_key_are_counted(
    api_cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, key, former in (
        ("new", "second", False),
        ("old", "first", False),
        ("older", "first", True),
        ("lost", "none-of-them", False),
    ):
        grant(api_cluster, namespace, name, key=key, former=former)
    put(api_cluster, namespace, "none", "Ready")
    monkeypatch.setenv("SIGNING_KEY", "second\nfirst")
    assert call("-n", namespace) == 0
    err = capsys.readouterr().err
    assert err == (
        "5 Secrets: 5 Ready; 3 Secrets with a grant that is not signed with SIGNING_KEY's first "
        "key, 1 of them with none of its keys\n"
    )
    # In the operator's pod it is a file; whoever has no key isn't told of any.
    (tmp_path / "key").write_text("first\n")
    monkeypatch.delenv("SIGNING_KEY")
    monkeypatch.setenv("SIGNING_KEY_FILE", str(tmp_path / "key"))
    assert call("-n", namespace) == 0
    assert "2 Secrets with a grant that is not signed" in capsys.readouterr().err
    (tmp_path / "key").unlink()
    assert call("-n", namespace) == 0
    assert "warning: SIGNING_KEY_FILE: can't be read" in capsys.readouterr().err
    monkeypatch.delenv("SIGNING_KEY_FILE")
    assert call("-n", namespace) == 0
    assert capsys.readouterr().err == "5 Secrets: 5 Ready\n"


@pytest.mark.server
@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("coloured", ["", "1"])
def test_nothing_is_cut_off_at_a_narrow_terminal(
    api_cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    coloured: str,
) -> None:
    name, message = "n" * 253, "word " * 90 + "end"
    put(api_cluster, namespace, name, "Invalid", reason="InvalidField", message=message)
    monkeypatch.setenv("COLUMNS", "80")
    # As somebody at a terminal has it.
    monkeypatch.setenv("FORCE_COLOR", coloured)
    assert call("-n", namespace, "-o", "wide") == 1
    header, row = capsys.readouterr().out.splitlines()
    assert f" {name} " in row
    assert row.endswith(message)
    assert ("\x1b[31mInvalid" in row) is bool(coloured)
    assert header.startswith("\x1b[1mNAMESPACE" if coloured else "NAMESPACE")


@pytest.mark.server
@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize("status", ["Retrying", "Invalid", "Conflict", "unheard-of"])
def test_one_that_is_not_ready_is_1(
    api_cluster: Cluster, namespace: str, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    put(api_cluster, namespace, "good", "Ready")
    put(api_cluster, namespace, "poor", status, message="long " * 100)
    assert call("-n", namespace) == 1
    assert call("-n", namespace, "-l", f"{PREFIX}status=Ready") == 0
    capsys.readouterr()
    assert call("-n", namespace, "-o", "wide") == 1
    # Into a pipe, a Secret is one line, however long.
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.server
@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_for_programs_it_is_a_list_of_plain_objects_without_data(
    api_cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    output: str,
    read: Any,
) -> None:
    put(api_cluster, namespace, "app", "Invalid", reason="MissingField", message='"ü"\x1b: \n- x')
    assert call("-n", namespace, "-o", output) == 1
    out, err = capsys.readouterr()
    (row,) = read(out)
    assert row.keys() == FIELDS
    assert (row["name"], row["status"], row["reason"]) == ("app", "Invalid", "MissingField")
    assert row["message"] == '"ü"\x1b: \n- x'
    assert row["bucket"] is None
    assert "\x1b" not in out
    assert err == ""
    assert "hunter2" not in out
    assert call("-n", namespace, "-l", "no=such", "-o", output) == 0
    assert read(capsys.readouterr().out) == []


@pytest.mark.server
def test_the_namespace_is_the_contexts_unless_named(
    api_cluster: Cluster,
    namespace: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    user = yaml.safe_load(api_cluster.kubeconfig.read_text())["users"][0]["user"]
    path = kubeconfig(api_cluster, tmp_path / "config", user=user, namespace=namespace)
    monkeypatch.setenv("KUBECONFIG", str(path))
    other = api_cluster.namespace(f"other-{secrets.token_hex(4)}")
    put(api_cluster, namespace, "here", "Ready")
    put(api_cluster, other, "there", "Ready")

    def found(*words: str) -> list[str]:
        call(*words, "-o", "json")
        return [row["name"] for row in json.loads(capsys.readouterr().out)]

    assert found() == ["here"]
    assert found("-n", other) == ["there"]
    assert {"here", "there"} <= set(found("-A"))
    assert found("--context", "tests") == ["here"]
    assert call("--context", "none") == 2


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_labels_select_and_several_operators_are_told_apart(
    api_cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(api_cluster, namespace, "red", "Ready", labels={"colour": "red"})
    put(api_cluster, namespace, "blue", "Ready", labels={"colour": "blue"})
    put(api_cluster, namespace, "other", "Ready", prefix="example.com/")
    assert call("-n", namespace, "-l", "colour=red") == 0
    assert "1 Secret: 1 Ready" in capsys.readouterr().err
    monkeypatch.setenv("ANNOTATION_KEY", "example.com/enabled")
    assert call("-n", namespace) == 0
    assert "other" in capsys.readouterr().out
    assert call("-n", namespace, "-l", "colour") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"No Secret with the label example.com/status in namespace {namespace}.\n"
    assert call("-n", namespace, "-l", "not a selector") == 2
    assert "Is the label selector valid?" in capsys.readouterr().err


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_people_get_colours_and_tenants_can_not_write_to_their_terminal(
    api_cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(api_cluster, namespace, "app", "Ready")
    put(
        api_cluster,
        namespace,
        "bad",
        "Invalid",
        message="[red]a\x1b]0;b\x07\x9b31m\u202ec",
        user="",
    )
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "250")
    assert call("-n", namespace, "-o", "wide") == 1
    out = capsys.readouterr().out
    assert "\x1b[32mReady" in out
    assert "\x1b[31mInvalid" in out
    assert "[red]a\ufffd]0;b\ufffd\ufffd31m\ufffdc" in out
    monkeypatch.setenv("NO_COLOR", "1")
    assert call("-n", namespace) == 1
    assert "\x1b[32m" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-01-02T00:00:00Z", "0s"),
        ("2026-01-01T23:59:01Z", "59s"),
        ("2026-01-01T23:00:01Z", "59m"),
        ("2026-01-01T00:00:01Z", "23h"),
        ("2025-12-02T00:00:00Z", "31d"),
        # A clock that is ahead.
        ("2026-01-02T00:00:05Z", "0s"),
        ("2026-01-02T00:00:05", ""),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_an_age_is_told_in_its_largest_unit(since: str | None, text: str) -> None:
    assert age(since, datetime(2026, 1, 2, tzinfo=UTC)) == text


def test_generated_credentials_are_told_by_age_and_next_rotation() -> None:
    keys = Keys(f"{PREFIX}enabled")
    marks = {"credentials-since": "2026-01-01T00:00:00Z", "next-rotation": "2026-04-01T00:00:00Z"}
    secret = {
        "metadata": {
            "namespace": "team",
            "name": "app",
            "annotations": {keys[word]: text for word, text in marks.items()},
        }
    }
    row = Row.of(secret, keys)
    document = row.document()
    assert document["credentials_since"] == marks["credentials-since"]
    assert document["next_rotation"] == marks["next-rotation"]
    now = datetime(2026, 1, 11, tzinfo=UTC)
    assert age(row.credentials_since, now) == "10d"
