"""What the Dockerfile's steps make.

It is used as a cluster would use it: as an unprivileged user, with nothing writable and no shell.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
import urllib3
from packaging.utils import canonicalize_name

from hooks import __version__
from hooks.commands.processes import LOOPBACK, Process, answers, free_port
from tests.delivery.test_dockerfile import BUILD, FINAL, PREFIX, PROJECT, ROOT, locked
from tests.imagebuild import VERSION, Image, build

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not pytest's own folder: no other user can look into that.
    with tempfile.TemporaryDirectory(prefix="image-") as folder:
        made = Image(Path(folder).resolve())
        made.root.chmod(0o755)
        build(made)
        for path in [made.root, *made.root.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
        try:
            yield made
        finally:
            for path in [made.root, *made.root.rglob("*")]:
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o755)


def files(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def test_it_holds_what_is_locked_and_the_operator(image: Image) -> None:
    installed = {
        canonicalize_name(found.metadata["Name"]): found.version
        for found in metadata.distributions(path=[str(image.packages)])
    }
    project = PROJECT["project"]["name"]
    assert installed == locked("requirements.lock") | {project: __version__}


def test_it_holds_no_tool_and_no_left_over(image: Image) -> None:
    for path in image.root.rglob("*"):
        assert path.suffix not in {".whl", ".a", ".rej"}, path
        assert path.name not in {".cache", ".git", "requirements.lock"}, path
    assert not list((image.local / "lib" / f"python{VERSION}").glob("ensurepip*"))
    assert not list((image.local / "bin").glob("pip*"))
    for tool in ("pip", "setuptools", "ensurepip"):
        assert f"No module named '{tool}'" in image.python(f"import {tool}").stderr
    scripts = {path.name for path in (image.prefix / "bin").iterdir()}
    assert "s3-resource-operator" in scripts
    assert not any(name.startswith(("pip", "wheel")) for name in scripts)


def test_all_of_it_is_compiled_for_good(image: Image) -> None:
    sources = list(image.packages.rglob("*.py"))
    # Its own lines are in its tracebacks.
    assert {source.relative_to(image.packages).parts[0] for source in sources} == {
        "hooks",
        "backends",
    }
    own = {Path(importlib.util.cache_from_source(str(source))) for source in sources}
    compiled = set(image.packages.rglob("*.pyc"))
    assert own <= compiled
    # Without a source, Python reads none from there.
    assert {path for path in compiled if path.parent.name == "__pycache__"} == own
    assert len(compiled - own) > 700
    for path in compiled:
        with path.open("rb") as file:
            header = file.read(8)
        assert header[:4] == importlib.util.MAGIC_NUMBER
        # By the source's hash, which nobody checks: neither time stamps nor a look at the source.
        assert int.from_bytes(header[4:], "little") == 0b01, path


def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path) -> None:
    text = (ROOT / "requirements.lock").read_text()
    found = re.search(r"^six==.*\n(?: {4}--hash.*\n)+", text, re.MULTILINE)
    assert found
    other = re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", found[0])
    (tmp_path / "requirements.lock").write_text(other)
    (step,) = (run for run in BUILD.all("RUN") if run.value.endswith("-r requirements.lock"))
    # Into an empty environment, by this environment's pip: the image's is gone by now.
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", empty], check=True)  # noqa: S603
    command = step.value.replace(PREFIX, str(empty)).replace("pip ", f"{sys.executable} -m pip ", 1)
    refused = subprocess.run(  # noqa: S603
        ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr


def test_every_module_of_the_operator_can_be_imported(image: Image) -> None:
    code = """
import importlib, json, pkgutil, hooks, backends
names = [
    found.name
    for package in (hooks, backends)
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    if not found.name.endswith(("__main__", "hooks.commands.demo"))
]
for name in names:
    importlib.import_module(name)
print(json.dumps([names, hooks.__file__]))
"""
    done = image.python(code)
    assert done.returncode == 0, done.stderr
    names, file = json.loads(done.stdout)
    assert {"hooks.commands.cli", "backends.versitygw.backend"} <= set(names)
    assert Path(file).is_relative_to(image.packages)


def test_what_was_left_out_is_not_missed(image: Image) -> None:
    code = """
import importlib.util
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
request = AWSRequest("GET", "http://127.0.0.1:1/")
S3SigV4Auth(Credentials("nobody", "not-a-real-one"), "s3", "us-east-1").add_auth(request)
assert "Credential=nobody/" in request.headers["Authorization"]
# Only the demo has a use for these.
assert not any(map(importlib.util.find_spec, ("boto3", "s3transfer", "rich", "pygments")))
"""
    done = image.python(code)
    assert done.returncode == 0, done.stderr
    for part in ("kubernetes/aio", "kubernetes/client/api", "botocore/data", "Crypto/PublicKey"):
        assert not (image.packages / part).exists()
    models = image.packages / "kubernetes" / "client" / "models"
    assert [path.name for path in models.iterdir()] == ["__init__.pyc"]


@pytest.mark.parametrize("cipher", [0, 1])
def test_it_can_talk_to_minios_admin_api(image: Image, cipher: int) -> None:
    # 0 is AES-GCM, which it writes, and 1 ChaCha20, in which a server without AES in its processor
    # answers.
    code = f"""
import io
from minio import crypto
from minio.minioadmin import MinioAdmin
from urllib3 import HTTPResponse
assert crypto.decrypt(HTTPResponse(io.BytesIO(crypto.encrypt(b"hello", "password")),
                                   preload_content=False), "password") == b"hello"
sealed, tag = crypto._get_cipher({cipher}, b"k" * 32, b"n" * 12).encrypt_and_digest(b"hello")
opened = crypto._get_cipher({cipher}, b"k" * 32, b"n" * 12).decrypt_and_verify(sealed, tag)
assert opened == b"hello"
"""
    done = image.python(code)
    assert done.returncode == 0, done.stderr


def test_it_reads_a_kubeconfig_that_is_not_plain(image: Image) -> None:
    # In a folder that the image's user can look into.
    with tempfile.TemporaryDirectory(prefix="kubeconfig-") as folder:
        Path(folder).chmod(0o755)
        file = Path(folder) / "config"
        file.write_text(json.dumps(kubeconfig_with_program(image)))
        code = f"""
from hooks.cluster.kubeconfig import find
access = find({{"KUBECONFIG": {str(file)!r}}})
assert access.server == "https://127.0.0.1:1", access.server
assert access.authorization() == "Bearer a-token-of-a-program", access.authorization()
import sys
assert "kubernetes.config.exec_provider" in sys.modules
"""
        done = image.python(code)
    assert done.returncode == 0, done.stderr


def kubeconfig_with_program(image: Image) -> dict[str, object]:
    """One whose token is asked of a program, which only the Kubernetes client can."""
    version = "client.authentication.k8s.io/v1"
    answer = {
        "apiVersion": version,
        "kind": "ExecCredential",
        "status": {"token": "a-token-of-a-program"},
    }
    program = {
        "apiVersion": version,
        "command": str(image.prefix / "bin" / "python"),
        "args": ["-c", f"print({json.dumps(answer)!r})"],
        "interactiveMode": "Never",
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "one", "user": {"exec": program}}],
        "contexts": [{"name": "one", "context": {"cluster": "one", "user": "one"}}],
        "current-context": "one",
    }


def test_it_serves_unprivileged_and_read_only_and_ends_at_sigterm(
    image: Image, tmp_path: Path
) -> None:
    before = files(image.root)
    hook, ops = free_port(), free_port()
    settings = {
        # Nothing answers there: being ready doesn't depend on the store.
        "S3_ENDPOINT_URL": f"http://{LOOPBACK}:{free_port()}",
        "S3_ACCESS_KEY": "operator",
        "S3_SECRET_KEY": "not-a-real-one",
        "HOOK_TOKEN": "not-a-real-token-either",
        "HOOK_PORT": str(hook),
        "METRICS_HOST": LOOPBACK,
        "METRICS_PORT": str(ops),
    }
    process = Process(
        image.command(*FINAL.one("CMD").exec_form),
        log=tmp_path / "image.log",
        env={**image.environ(), **settings},
        cwd=Path("/"),
        name="the image",
    )
    with process:
        process.wait_for(
            lambda: answers(ops, "/readyz", status=200), timeout=30, what="it to be ready"
        )
        refused = urllib3.request("POST", f"http://{LOOPBACK}:{hook}/sync", body=b"{}")
        assert refused.status == 401
        if os.geteuid() == 0:
            owner = Path(f"/proc/{process.pid}").stat()
            assert f"{owner.st_uid}:{owner.st_gid}" == FINAL.one("USER").value
        assert process.stop() == 0, process.log_tail()
    assert files(image.root) == before


def test_nothing_in_it_can_be_written(image: Image) -> None:
    done = image.python(
        "import os, sys\n"
        "print(sum(os.access(os.path.join(top, name), os.W_OK)"
        f" for top, folders, names in os.walk({str(image.root)!r}) for name in (*folders, *names)"
        " if not os.path.islink(os.path.join(top, name))))"
    )
    assert done.stdout.strip() == "0", done.stderr
    modes = [path.lstat().st_mode for path in image.root.rglob("*") if not path.is_symlink()]
    assert not any(mode & (stat.S_ISUID | stat.S_ISGID) for mode in modes)


def test_it_says_its_version(image: Image) -> None:
    done = image.run(*image.command("--version"))
    assert (done.returncode, done.stdout.strip()) == (0, __version__)


def test_the_size_is_the_one_that_is_documented(image: Image) -> None:
    told = re.findall(r"\*\*(\d+) MB\*\*", (ROOT / "docs" / "image.md").read_text())
    assert len(told) == 1
    size = sum(path.lstat().st_size for path in image.prefix.rglob("*") if path.is_file())
    # Bytecode differs by a few per cent from one Python to the next.
    assert int(told[0]) == pytest.approx(size / 1e6, rel=0.1)
