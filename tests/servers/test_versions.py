"""Which version of a store is built."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.servers.build import find
from tests.servers.table import SERVERS
from tests.servers.versions import CRATES, MODULES, asked, is_asked, newest, variable


def in_another_process(code: str, **environ: str) -> str:
    """The table of servers is made when it is imported."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("name", [*MODULES, *CRATES])
def test_another_version_is_built_beside_the_tested_one(name: str) -> None:
    code = f"""
from pathlib import Path
from tests.servers.table import SERVERS
server = SERVERS[{name!r}]
print(server.version, server.cached.parent.name, *server.step(Path('/made')).command)
"""
    version, folder, *command = in_another_process(
        code, HOME="/nowhere", **{variable(name): "v9.8.7"}
    ).split()
    assert (version, folder) == ("v9.8.7", "v9.8.7")
    assert any(part in {"v9.8.7"} or part.endswith("@v9.8.7") for part in command)
    assert SERVERS[name].version != "v9.8.7"


def test_one_on_path_will_not_do_for_a_version_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("path")
    (folder / "versitygw").touch(0o755)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    monkeypatch.delenv("VERSITYGW_BIN", raising=False)
    assert find("versitygw") == folder / "versitygw"
    monkeypatch.setenv("VERSITYGW_VERSION", "v9.8.7")
    assert find("versitygw") is None


def test_no_version_is_the_tested_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARAGE_VERSION", "")
    assert asked("garage", "2.5.0") == "2.5.0"
    assert not is_asked("garage")


def test_a_system_package_has_no_newest_release() -> None:
    assert newest("ceph-rgw") is None
