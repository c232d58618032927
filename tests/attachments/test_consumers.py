"""Consumers' own programs, with what a connection Secret gives them, at a real store."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from backends.wire.sensitive import Sensitive
from hooks.attachments.formats import FORMATS, Access, Unwritable
from hooks.commands.processes import Process
from tests.attachments.test_formats import READ_BY_YAML
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


def test_s3cmd_reads_and_writes(access: Access, tmp_path: Path) -> None:
    files("s3cmd", access, tmp_path)
    program = require("s3cmd")
    # With the packages of these tests: the system's Python needn't have what it imports.
    modules = str(program.parents[1] / "lib/python3/dist-packages")

    def s3cmd(*arguments: str) -> str:
        config = f"--config={tmp_path / '.s3cfg'}"
        ran = run(Path(sys.executable), str(program), config, *arguments, PYTHONPATH=modules)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    (tmp_path / "file").write_text("by s3cmd")
    s3cmd("put", str(tmp_path / "file"), f"s3://{BUCKET}/s3cmd")
    assert s3cmd("get", f"s3://{BUCKET}/s3cmd", "-", "--no-progress") == "by s3cmd"
    assert f"s3://{BUCKET}/hello" in s3cmd("ls", f"s3://{BUCKET}")


@pytest.fixture
def mounted(access: Access, store: Store, tmp_path: Path) -> Iterator[Path]:
    """The bucket as a folder, by s3fs with its file of a password."""
    files("s3fs", access, tmp_path)
    # As the documents say; it refuses one that others can read.
    (tmp_path / "passwd-s3fs").chmod(0o600)
    program, folder = require("s3fs"), tmp_path / "mounted"
    folder.mkdir()
    process = Process(
        [
            *(str(program), BUCKET, str(folder), "-f"),
            *("-o", f"passwd_file={tmp_path / 'passwd-s3fs'}"),
            *("-o", f"url={store.url}", "-o", "use_path_request_style"),
        ],
        log=tmp_path / "s3fs.log",
        env={**os.environ, "LD_LIBRARY_PATH": str(program.parents[2] / "lib/x86_64-linux-gnu")},
        name="s3fs",
    )
    with process:
        process.wait_for(lambda: os.path.ismount(folder), timeout=20, what="the mount")
        yield folder


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK), reason="nothing can be mounted here"
)
def test_s3fs_mounts_the_bucket(mounted: Path) -> None:
    assert (mounted / "hello").read_text() == "world"
    (mounted / "s3fs").write_text("by s3fs")
    assert {entry.name for entry in mounted.iterdir()} >= {"hello", "s3fs"}


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


def test_awss_sdk_for_go_reads_the_same_files(access: Access, tmp_path: Path) -> None:
    files("aws", access, tmp_path)
    environ = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    ran = run(require("consumers"), "aws", BUCKET, "hello", **environ)
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr


def test_thanos_reads_its_file(access: Access, tmp_path: Path) -> None:
    files("thanos", access, tmp_path)
    ran = run(require("consumers"), "thanos", str(tmp_path / "thanos.yaml"), "hello")
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr


@pytest.mark.parametrize("by", ["file", "variable"])
def test_mc_reads_and_writes(by: str, access: Access, store: Store, tmp_path: Path) -> None:
    made = files("mc", access, tmp_path)
    environ = {}
    if by == "variable":
        (tmp_path / "config.json").unlink()
        environ = {"MC_HOST_s3": made["MC_HOST_s3"]}
    mc = partial(run, require("mc"), "--config-dir", str(tmp_path), **environ)
    (tmp_path / "file").write_text("by mc")
    ran = mc("cp", "--quiet", str(tmp_path / "file"), f"s3/{BUCKET}/mc-{by}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert store.get(BUCKET, f"mc-{by}", as_user=(KEY, SECRET)) == b"by mc"
    ran = mc("cat", f"s3/{BUCKET}/hello")
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr


def test_loki_reads_and_writes(access: Access, store: Store, tmp_path: Path) -> None:
    files("loki", access, tmp_path)
    ran = run(require("loki"), str(tmp_path), "loki", "by loki")
    assert (ran.returncode, ran.stdout) == (0, "by loki"), ran.stderr
    assert store.get(BUCKET, "loki", as_user=(KEY, SECRET)) == b"by loki"


def registry(access: Access, folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    environ = {"REGISTRY_STORAGE": "s3", **files("registry", access, folder), **changed}
    return run(require("registry"), "registry", "by distribution", **environ)


def test_distribution_reads_and_writes(access: Access, store: Store, tmp_path: Path) -> None:
    ran = registry(access, tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "by distribution"), ran.stderr
    assert store.get(BUCKET, "registry", as_user=(KEY, SECRET)) == b"by distribution"


def test_distribution_takes_a_variable_for_yaml(
    access: Access, store: Store, tmp_path: Path
) -> None:
    secret = "0123456701234567"
    store.create_user("octal", secret)
    mine = replace(access, access_key="octal", secret=Sensitive("another"))
    quoted = registry(mine, tmp_path, REGISTRY_STORAGE_S3_SECRETKEY=f'"{secret}"')
    assert "AccessDenied" in quoted.stderr
    assert (
        "SignatureDoesNotMatch"
        in registry(mine, tmp_path, REGISTRY_STORAGE_S3_SECRETKEY=secret).stderr
    )


@pytest.mark.parametrize("secret", READ_BY_YAML)
def test_distribution_reads_the_secret_that_is_meant(
    secret: str, access: Access, store: Store, tmp_path: Path
) -> None:
    user = f"u{hashlib.sha256(secret.encode()).hexdigest()[:12]}"
    mine = replace(access, access_key=user, secret=Sensitive(secret))
    try:
        files("registry", mine, tmp_path)
    except Unwritable:
        return
    store.create_user(user, secret)
    # Not its bucket, but its signature.
    assert "AccessDenied" in registry(mine, tmp_path).stderr


def test_velero_s_file_is_one_of_credentials(access: Access, store: Store, tmp_path: Path) -> None:
    """Its plugin has no reader of its own: AWS's SDK for Go is given the one file for both."""
    files("velero", access, tmp_path)
    cloud = str(tmp_path / "cloud")
    ran = run(
        require("consumers"),
        *("aws", BUCKET, "hello"),
        AWS_SHARED_CREDENTIALS_FILE=cloud,
        AWS_CONFIG_FILE=cloud,
        # As its BackupStorageLocation says beside it.
        AWS_ENDPOINT_URL_S3=store.url,
        AWS_REGION=REGION,
    )
    assert (ran.returncode, ran.stdout) == (0, "world"), ran.stderr


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
