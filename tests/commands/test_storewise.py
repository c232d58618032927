"""The commands with a list of stores: each store is spoken of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from backends.wire.sensitive import Sensitive
from hooks.commands.cli import main
from hooks.commands.overview import Row
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.contract.status import Keys
from tests.attended import Attended, ago
from tests.commands.overviews import put
from tests.servers.cluster import Cluster
from tests.servers.minio import MinioStore
from tests.servers.several import List, running_stores
from tests.support import PREFIX, Secret

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[List]:
    with running_stores(tmp_path_factory.mktemp("stores"), "versitygw", "minio") as found:
        yield found


@pytest.fixture(autouse=True)
def _environment(listed: List, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORES_FILE", str(listed.path))
    monkeypatch.setenv("SIGNING_KEY", "a-key")
    monkeypatch.setenv("CONFLICT_GUARD", "off")
    monkeypatch.setenv("KUBERNETES_EVENTS", "off")


def secret(name: str, store: str) -> Secret:
    made = Secret.claiming(f"bucket-{name}", f"user-{name}", "hunter2hunter2")
    made.document["metadata"]["annotations"][f"{PREFIX}store"] = store
    return made


def test_check_speaks_of_each(listed: List, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert f"ok      versitygw: configuration: versitygw at {listed.stores['versitygw'].url}" in out
    assert "ok      versitygw: admin rights" in out
    assert "ok      minio: admin rights" in out


def test_one_that_fails_is_told_beside_one_that_does_not(
    listed: List, capsys: pytest.CaptureFixture[str]
) -> None:
    listed.entries["minio"]["secret-key-file"] = listed.entries["versitygw"]["secret-key-file"]
    listed.write()
    try:
        assert main(["check"]) == 1
    finally:
        listed.entries["minio"] = listed.entry("minio", listed.stores["minio"])
        listed.write()
    out = capsys.readouterr().out
    assert "ok      versitygw: admin rights" in out
    assert "FAILED  minio: admin rights" in out


def test_another_store_than_the_list_says_is_recognised(
    listed: List, capsys: pytest.CaptureFixture[str]
) -> None:
    listed.entries["minio"]["endpoint"] = listed.entries["versitygw"]["endpoint"]
    versitygw = listed.entries.pop("versitygw")
    listed.default = "minio"
    listed.write()
    try:
        assert main(["check"]) == 1
    finally:
        listed.default = "versitygw"
        minio = listed.entry("minio", listed.stores["minio"])
        listed.entries = {"versitygw": versitygw, "minio": minio}
        listed.write()
    told = capsys.readouterr().out
    assert "at the endpoint of the store minio looks like VersityGW, but its backend is" in told


def test_sync_goes_to_the_store_of_each_secret(
    listed: List, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = [secret("one", "versitygw"), secret("two", "minio"), secret("three", "tape")]
    file = tmp_path / "secrets.yaml"
    file.write_text(yaml.safe_dump_all([found.document for found in secrets]))
    for dry_run in (["--dry-run"], []):
        assert main(["sync", "-f", str(file), "-o", "json", *dry_run]) == 1
        rows = json.loads(capsys.readouterr().out)
        assert [(row["store"], row["status"]) for row in rows] == [
            ("versitygw", "Ready"),
            ("minio", "Ready"),
            (None, "Skipped"),
        ]
        made = {name: "bucket-one" in store.names()[1] for name, store in listed.stores.items()}
        assert made == {"versitygw": not dry_run, "minio": False}
    assert "bucket-two" in listed.stores["minio"].names()[1]
    main(["sync", "-f", str(file)])
    header, *_ = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["SECRET", "STORE", "STATUS"]


def test_usage_comes_from_the_store_of_each_secret(
    listed: List,
    api_cluster: Cluster,
    namespace: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(api_cluster.kubeconfig))
    for name, store in listed.stores.items():
        store.create_bucket(f"usage-{name}")
        buckets = ",".join(f"usage-{each}" for each in listed.stores)
        put(api_cluster, namespace, name, "Ready", bucket=buckets, endpoint=store.url)
    assert isinstance(listed.stores["minio"], MinioStore)
    listed.stores["minio"].admin().bucket_quota_set("usage-minio", 1024)
    assert main(["status", "-n", namespace, "--usage", "-o", "json"]) == 0
    out, err = capsys.readouterr()
    limits = {
        row["name"]: {each["bucket"]: each["quota_bytes"] for each in row["usage"]}
        for row in json.loads(out)
    }
    assert limits == {
        "minio": {"usage-versitygw": None, "usage-minio": 1024},
        "versitygw": {"usage-versitygw": None, "usage-minio": None},
    }
    assert "No usage from the store versitygw: it has none of these buckets, or would" in err
    assert "store minio" not in err
    listed.stores["minio"].process.pause()
    try:
        assert main(["status", "-n", namespace, "--usage", "--timeout", "3"]) == 0
    finally:
        listed.stores["minio"].process.resume()
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert "No usage from the store minio: It did not answer in time." in err


@pytest.mark.parametrize(
    ("granted", "asked", "shown"),
    [
        ("minio", "", "minio"),
        ("minio", "garage", "minio"),
        ("", "garage", "garage"),
        ("default", "", None),
    ],
)
def test_status_tells_the_store_that_the_grant_names(
    granted: str, asked: str, shown: str | None
) -> None:
    held = Holding(1_700_000_000, Kind.OWN)
    grant = Grant("user", held, {"bucket": held})
    annotations = {f"{PREFIX}store": asked} if asked else {}
    if granted:
        grants = Grants(Sensitive("a-key"), stores=(granted,))
        annotations[f"{PREFIX}grants"] = grants.issue("uid", grant, 1_700_000_000)
    metadata = {"namespace": "team", "name": "app", "annotations": annotations}
    row = Row.of({"metadata": metadata}, Keys(f"{PREFIX}enabled"))
    assert row.store == shown
    assert row.document().get("store") == shown


def test_generated_credentials_of_each_store_arrive_in_one_file(
    tmp_path: Path, listed: List, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [Attended("generated-" + store, store=store) for store in listed.stores]
    manifest, connection = tmp_path / "secrets.yaml", tmp_path / "connection.yaml"
    arguments = ["sync", "-f", str(manifest), "-o", "json"]
    for each in made:
        del each.document["metadata"]["uid"]
    manifest.write_text(yaml.safe_dump_all(each.document for each in made))
    assert main(arguments) == 1
    assert {row["reason"] for row in json.loads(capsys.readouterr().out)} == {"NotSupported"}
    seen = set()
    for moment in (None, ago(50), ago(5)):
        for each in made:
            each.annotate(rotate=moment)
        manifest.write_text(yaml.safe_dump_all(each.document for each in made))
        assert main([*arguments, "--connection", str(connection)]) == 0
        assert [row["store"] for row in json.loads(capsys.readouterr().out)] == [*listed.stores]
        for found in yaml.safe_load_all(connection.read_text()):
            seen.add(found["data"]["AWS_SECRET_ACCESS_KEY"])
    assert len(seen) == 3 * len(made)
