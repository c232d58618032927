"""`status --usage`: what buckets hold, asked of a store in memory for Secrets of a real cluster."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from backends.errors import Rejected, StoreError, Unavailable
from backends.usage import Usage
from hooks.commands.usage import BucketsUsage, places_of
from tests.commands.overviews import call, put
from tests.model import ModelStore
from tests.servers.cluster import Cluster

pytestmark = pytest.mark.usefixtures("unconfigured")

URL = "http://127.0.0.1:9000"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    """A store in memory, with the settings for it."""
    found = ModelStore(owners={"first": "user", "second": "user"}, quotas={"second": (0, 5)})
    found.objects = {("first", "a"): b"x" * 2048, ("first", "b"): b"", ("second", "a"): b"x"}
    monkeypatch.setattr("hooks.commands.usage.REGISTRY", {"versitygw": lambda *_: found})
    monkeypatch.setenv("S3_ENDPOINT_URL", URL)
    monkeypatch.setenv("S3_ACCESS_KEY", "operator")
    monkeypatch.setenv("S3_SECRET_KEY", "secret-of-the-operator")
    monkeypatch.setenv("SIGNING_KEY", "a-key-for-grants")
    return found


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_it_is_a_column_and_an_object_for_each_bucket(
    api_cluster: Cluster, namespace: str, store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    put(api_cluster, namespace, "app", "Ready", bucket="first", endpoint=URL)
    put(api_cluster, namespace, "both", "Ready", bucket="first,second,gone", endpoint=URL)
    # Another operator's, and one that has no bucket yet.
    put(api_cluster, namespace, "elsewhere", "Ready", bucket="second", endpoint="http://other:1")
    put(api_cluster, namespace, "none", "Ready", endpoint=URL)
    assert call("-n", namespace, "--usage") == 0
    out, err = capsys.readouterr()
    header, *lines = out.splitlines()
    assert header.split() == ["NAMESPACE", "NAME", "STATUS", "REASON", "AGE", "USAGE"]
    assert [line.split(None, 5)[5] for line in lines] == [
        "2 objects, 2.0 KiB",
        "first: 2 objects, 2.0 KiB; second: 1 of 5 objects, 1 B",
        "-",
        "-",
    ]
    assert err == "4 Secrets: 4 Ready\n"
    # Once for each bucket, however many Secrets use it, and nothing else.
    assert store.calls == ["usage"] * 3 + ["close"]
    assert call("-n", namespace, "--usage", "-o", "json") == 0
    out, err = capsys.readouterr()
    rows = {row["name"]: row for row in json.loads(out)}
    assert rows["app"]["usage"] == [
        {
            "bucket": "first",
            "objects": 2,
            "bytes": 2048,
            "quota_bytes": None,
            "quota_objects": None,
            "counted": None,
        }
    ]
    third = rows["both"]["usage"][2]
    assert (third["bucket"], third["objects"], third["bytes"]) == ("gone", None, None)
    assert rows["elsewhere"]["usage"] == rows["none"]["usage"] == []
    assert call("-n", namespace, "--usage", "-o", "yaml") == 0
    assert {row["name"]: row for row in yaml.safe_load(capsys.readouterr().out)} == rows


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_nobody_asks_the_store_without_it(
    api_cluster: Cluster, namespace: str, store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    put(api_cluster, namespace, "app", "Ready", bucket="first", endpoint=URL)
    assert call("-n", namespace, "-o", "json") == 0
    assert "usage" not in json.loads(capsys.readouterr().out)[0]
    assert store.calls == []


@pytest.mark.server
@pytest.mark.usefixtures("admin")
@pytest.mark.parametrize(
    ("error", "asked"),
    # Whoever can't be reached isn't asked for each bucket in turn; a refusal is about one bucket.
    [(Unavailable("It is refused."), 4), (Rejected("It is refused."), 10)],
)
def test_a_store_in_trouble_is_a_sentence_and_the_table_comes(
    api_cluster: Cluster,
    namespace: str,
    store: ModelStore,
    capsys: pytest.CaptureFixture[str],
    error: StoreError,
    asked: int,
) -> None:
    def fail(operation: str) -> None:
        if operation == "usage":
            raise error

    store.before = fail
    buckets = ",".join(f"bucket-{number}" for number in range(10))
    put(api_cluster, namespace, "app", "Ready", bucket=buckets, endpoint=URL)
    assert call("-n", namespace, "--usage") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split() == [namespace, "app", "Ready", "-", "-", "-"]
    assert err == "No usage from the store: It is refused.\n1 Secret: 1 Ready\n"
    assert store.calls.count("usage") <= asked
    assert store.calls[-1] == "close"


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_a_store_that_tells_nothing_is_a_sentence(
    api_cluster: Cluster, namespace: str, store: ModelStore, capsys: pytest.CaptureFixture[str]
) -> None:
    put(api_cluster, namespace, "app", "Ready", bucket="gone", endpoint=URL)
    assert call("-n", namespace, "--usage") == 0
    assert capsys.readouterr().err.startswith("No usage from the store: it has none of these")


@pytest.mark.server
@pytest.mark.usefixtures("admin")
def test_each_store_of_a_list_is_asked_for_its_own(
    api_cluster: Cluster,
    namespace: str,
    store: ModelStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    other = ModelStore(owners={"first": "user"})

    def fail(operation: str) -> None:
        if operation == "usage":
            raise Unavailable("The store can't be reached.")

    monkeypatch.setattr(
        "hooks.commands.usage.REGISTRY",
        {"versitygw": lambda *_: store, "minio": lambda *_: other},
    )
    for file in ("access-key", "secret-key"):
        (tmp_path / file).write_text("of-the-operator\n")
    keys = {f"{file}-file": str(tmp_path / file) for file in ("access-key", "secret-key")}
    entries = [
        {"name": "near", "backend": "versitygw", "endpoint": URL, **keys},
        {"name": "far", "backend": "minio", "endpoint": "http://127.0.0.1:9001", **keys},
    ]
    stores = tmp_path / "stores.yaml"
    stores.write_text(yaml.safe_dump({"default": "near", "stores": entries}))
    for name in ("S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("STORES_FILE", str(stores))
    put(api_cluster, namespace, "far", "Ready", bucket="first", endpoint="http://127.0.0.1:9001")
    put(api_cluster, namespace, "near", "Ready", bucket="first", endpoint=URL)

    def told() -> list[int | None]:
        assert call("-n", namespace, "--usage", "-o", "json") == 0
        rows = json.loads(capsys.readouterr().out)
        return [row["usage"][0]["objects"] for row in rows]

    assert told() == [0, 2]
    other.before = fail
    assert call("-n", namespace, "--usage") == 0
    out, err = capsys.readouterr()
    assert "2 objects, 2.0 KiB" in out
    assert "No usage from the store far: The store can't be reached." in err


@pytest.mark.usefixtures("unconfigured")
def test_without_the_stores_settings_it_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "STORES_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert call("--usage") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("--usage needs the settings that check needs: S3_ENDPOINT_URL")
    assert len(err.splitlines()) == 1


def test_what_is_no_buckets_name_is_never_asked_for() -> None:
    told = ",ok-bucket,../x,UPPER,a?b=c,ok-bucket,\x1b[31m," + "x" * 99
    assert places_of("http://s3", told) == [("http://s3", "ok-bucket")]
    assert places_of("http://s3", ",".join(f"bucket-{n}" for n in range(99))) == [
        ("http://s3", f"bucket-{n}") for n in range(16)
    ]
    assert places_of(None, "ok-bucket") == places_of("http://s3", None) == []


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (Usage(), ""),
        (Usage(0, 0), "0 objects, 0 B"),
        (Usage(1, 1023), "1 object, 1023 B"),
        (Usage(1, 1024, quota_objects=100), "1 of 100 objects, 1.0 KiB"),
        (Usage(0, 0, quota_objects=1), "0 of 1 object, 0 B"),
        (Usage(2, 5 * 1024**3, 10 * 1024**3), "2 objects, 5.0 GiB of 10.0 GiB"),
        (Usage(quota_bytes=1024**2), "at most 1.0 MiB"),
        (Usage(7, 2**70), "7 objects, 1048576.0 PiB"),
        (
            Usage(7, 2, counted=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
            "7 objects, 2 B, counted 2026-01-02T03:04:05Z",
        ),
    ],
)
def test_people_read_it_in_words(usage: Usage, text: str) -> None:
    assert BucketsUsage({"bucket": usage}).text() == text
    assert BucketsUsage({"bucket": usage, "other": None}).text() == (text and f"bucket: {text}")
