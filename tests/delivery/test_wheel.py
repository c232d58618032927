"""The package that a release publishes, installed without a checkout."""

from __future__ import annotations

import ast
import os
import re
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from hooks import __version__
from tests.conformance.subject import versitygw_subject
from tests.delivery.test_dockerfile import PROJECT, ROOT, locked
from tests.tools import script

PLUGIN = "kubectl-s3_resource_operator"
COPIED = ("hooks", "backends", "pyproject.toml", "README.md", "LICENSE", "Makefile", ".github")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make wheel` makes, in a copy of the sources."""
    folder = tmp_path_factory.mktemp("sources")
    ignored = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder / name)
    environment = Path(sys.prefix)
    (folder / "requirements-dev.lock").touch()
    # Set up already: this very environment.
    done = subprocess.run(  # noqa: S603
        ["make", "wheel", f"VENV={environment}", "--assume-old", f"{environment}/.done"],  # noqa: S607
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a fresh environment with nothing but the wheel, as pipx has it."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)  # noqa: S603
    # The versions of the lock, so that no new release of a package decides about this test.
    constraints = folder / "constraints.txt"
    pins = locked("requirements.lock").items()
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins))
    (wheel,) = dist.glob("*.whl")
    python = folder / "venv" / "bin" / "python"
    # What is imported is compiled then: all of it takes longer than everything else here.
    options = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    options += ["--constraint", str(constraints)]
    subprocess.run([python, "-m", "pip", "install", *options, wheel], check=True)  # noqa: S603
    return folder / "venv" / "bin"


def run(*command: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """A command far from the sources, with nothing set but what is given."""
    return subprocess.run(  # noqa: S603
        command,
        cwd="/",
        env={"PATH": os.defpath, "HOME": "/nonexistent", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.server
@pytest.mark.parametrize("name", ["s3-resource-operator", PLUGIN])
def test_it_runs_under_both_names(installed: Path, name: str) -> None:
    done = run(installed / name, "--version")
    assert (done.returncode, done.stdout.strip()) == (0, __version__)
    done = run(installed / name, "--help")
    assert done.returncode == 0
    usage = "kubectl s3_resource_operator" if name == PLUGIN else name
    assert f"usage: {usage} " in done.stdout


@pytest.mark.server
def test_status_says_that_there_is_no_cluster(installed: Path) -> None:
    done = run(installed / "s3-resource-operator", "status")
    assert done.returncode == 2
    assert done.stderr.startswith("No Kubernetes configuration was found")


@pytest.mark.server
def test_check_and_sync_reach_a_store(installed: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "secret.yaml"
    manifest.write_text(
        "apiVersion: v1\nkind: Secret\n"
        'metadata: {name: a, annotations: {s3-resource-operator.io/enabled: "true"}}\n'
        "stringData: {bucket-name: wheel, access-key: wheel-user, access-secret: a-long-secret}\n"
    )
    with versitygw_subject(tmp_path / "store") as gateway:
        environ = gateway.environ()
        done = run(installed / "s3-resource-operator", "check", **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        done = run(installed / "s3-resource-operator", "sync", "-f", manifest, **environ)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == "1 Secret: 1 Ready\n"


@pytest.mark.server
def test_what_the_demo_alone_needs_is_not_there(installed: Path) -> None:
    done = run(installed / "s3-resource-operator", "demo")
    assert done.returncode == 2
    assert "s3-resource-operator[demo]" in done.stderr
    code = "import importlib.util as u; print([n for n in ('boto3', 'rich') if u.find_spec(n)])"
    assert run(installed / "python", "-c", code).stdout.strip() == "[]"


@pytest.mark.server
def test_every_module_but_the_demo_is_imported_without_its_packages(installed: Path) -> None:
    code = """
import importlib, pkgutil, hooks, backends
for package in (hooks, backends):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name not in {"hooks.__main__", "hooks.commands.demo"}:
            importlib.import_module(found.name)
"""
    done = run(installed / "python", "-c", code)
    assert done.returncode == 0, done.stderr


@pytest.mark.server
def test_krew_s_archive_runs_the_wheel_in_it(dist: Path, tmp_path: Path) -> None:
    with tarfile.open(dist / f"{PLUGIN}.tar.gz") as archive:
        names = {member.name for member in archive}
        archive.extractall(tmp_path / "store", filter="data")
    assert {PLUGIN, "LICENSE"} < names
    (wheel,) = names - {PLUGIN, "LICENSE"}
    assert re.fullmatch(r"s3_resource_operator-.*-py3-none-any\.whl", wheel)
    assert (tmp_path / "store" / PLUGIN).stat().st_mode & stat.S_IXUSR
    # krew links to it from a folder on PATH.
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / PLUGIN).symlink_to(tmp_path / "store" / PLUGIN)
    uv = script("uv").parent
    # As somebody's own shell has it: it says where packages come from.
    environ = {**os.environ, "PATH": f"{uv}:{os.defpath}"}
    done = run(tmp_path / "bin" / PLUGIN, "--help", **environ)
    assert done.returncode == 0, done.stderr
    assert "usage: kubectl s3_resource_operator" in done.stdout
    bare = run(tmp_path / "bin" / PLUGIN, "--help")
    if not any(shutil.which(name, path=os.defpath) for name in ("uv", "pipx")):
        assert bare.returncode == 2
        assert "needs Python 3.11 or newer, with uv or pipx" in bare.stderr


def test_krew_s_manifest_names_what_is_published() -> None:
    text = (ROOT / ".krew.yaml").read_text()
    found = re.search(r'addURIAndSha "([^"]+)" \.TagName', text)
    assert found
    assert found[1].endswith(f"/releases/download/{{{{ .TagName }}}}/{PLUGIN}.tar.gz")
    assert found[1].startswith(
        yaml.safe_load(re.sub(r"\{\{ add.*", "", text).replace("{{ .TagName }}", "1"))["spec"][
            "homepage"
        ]
    )
    assert f"bin: {PLUGIN}" in text
    script_text = (ROOT / ".github" / "scripts" / "publish-wheel.sh").read_text()
    assert f"dist/{PLUGIN}.tar.gz" in script_text


@pytest.mark.long
def test_no_package_is_imported_that_is_not_asked_for() -> None:
    asked = {
        Requirement(text).name.replace("-", "_") for text in PROJECT["project"]["dependencies"]
    }
    asked |= {"yaml", *sys.stdlib_module_names}
    for path in [*(ROOT / "hooks").rglob("*.py"), *(ROOT / "backends").rglob("*.py")]:
        allowed = asked | ({"boto3", "rich"} if path.name == "demo.py" else set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules = [each.name for each in node.names]
            else:
                modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                top = module.partition(".")[0]
                assert top in allowed | {"hooks", "backends"}, f"{path}: {module}"
