"""Consumers' own programs, with what a connection Secret gives them, at a real store."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest

from backends.wire.sensitive import Sensitive
from hooks.attachments.formats import FORMATS, Access
from tests.servers.require import require
from tests.servers.store import REGION, Store, running_store

pytestmark = pytest.mark.server

BUCKET = "a.bucket-of-the-tenant"
# Awkward, and still what every form can hold.
KEY, SECRET = "team.user+x@home", "s3cr$t/with+odd=%2F#'\"{}*&!|>@`characters)"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store(require("versitygw"), tmp_path_factory.mktemp("store")) as found:
        found.create_user(KEY, SECRET)
        found.create_bucket(BUCKET)
        found.change_owner(BUCKET, KEY)
        found.put(BUCKET, "hello", b"world", as_user=(KEY, SECRET))
        yield found


@pytest.fixture
def access(store: Store) -> Access:
    return Access(store.url, REGION, KEY, Sensitive(SECRET), BUCKET)


def files(name: str, access: Access, folder: Path) -> dict[str, str]:
    """The keys of a format, each as a file too, as a volume shows them."""
    made: dict[str, str] = {}
    for key, writer in FORMATS[name].keys.items():
        value = writer(access)
        if value is not None:
            made[key] = value
            (folder / key).write_text(value)
    return made


def run(program: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - no shell, and nothing in it comes from outside
        [str(program), *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_rclone_lists_the_bucket(access: Access, tmp_path: Path) -> None:
    files("rclone", access, tmp_path)
    config = str(tmp_path / "rclone.conf")
    ran = run(require("rclone"), "--config", config, "lsf", f"s3:{BUCKET}")
    assert (ran.returncode, ran.stdout) == (0, "hello\n"), ran.stderr


@pytest.mark.parametrize("name", ["restic", "volsync"])
def test_restic_makes_its_repository(name: str, access: Access, tmp_path: Path) -> None:
    environ = files(name, access, tmp_path)
    environ["RESTIC_REPOSITORY"] += f"/{name}"
    environ |= {"RESTIC_PASSWORD": "x", "RESTIC_CACHE_DIR": str(tmp_path / "cache")}
    for command in ("init", "snapshots"):
        ran = run(require("restic"), command, **environ)
        assert ran.returncode == 0, ran.stderr


def test_the_aws_files_are_all_that_an_sdk_needs(
    access: Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What its files can't say the same to everybody is refused before.
    files("aws", access, tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    client: Any = boto3.Session().client("s3")
    assert client.get_object(Bucket=BUCKET, Key="hello")["Body"].read() == b"world"


def test_velero_s_file_is_one_of_credentials(
    access: Access, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files("velero", access, tmp_path)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    # Its plugin takes the one file for both, too.
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "cloud"))
    client: Any = boto3.Session().client("s3", endpoint_url=store.url, region_name=REGION)
    assert client.get_object(Bucket=BUCKET, Key="hello")["Body"].read() == b"world"


def pgbackrest(folder: Path, config: str) -> str:
    ran = run(
        require("pgbackrest"),
        "info",
        "--stanza=x",
        f"--config={config}",
        "--repo1-type=s3",
        "--repo1-path=/r",
        # It takes no name with a dot in it.
        "--repo1-s3-bucket=bucket",
        "--repo1-s3-endpoint=127.0.0.1:1",
        "--repo1-s3-uri-style=path",
        "--repo1-s3-region=us-east-1",
        "--io-timeout=1",
        f"--log-path={folder}",
        f"--lock-path={folder}",
    )
    return ran.stdout + ran.stderr


def test_pgbackrest_finds_its_two_options(access: Access, tmp_path: Path) -> None:
    """It speaks https only, so what is seen is how far it gets: to the store."""
    files("pgbackrest", replace(access, endpoint="https://127.0.0.1:1"), tmp_path)
    assert "HostConnectError" in pgbackrest(tmp_path, str(tmp_path / "s3.conf"))
    (tmp_path / "none.conf").write_text("[global]\n")
    told = pgbackrest(tmp_path, str(tmp_path / "none.conf"))
    assert "requires option: repo1-s3-key" in told
