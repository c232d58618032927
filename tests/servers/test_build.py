from __future__ import annotations

import io
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.__main__ import main, unasked
from tests.servers.build import build, find
from tests.servers.recipes import BuildError, Step
from tests.servers.require import find_metacontroller, require
from tests.servers.table import SERVERS, Server

MAKES_IT = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch(0o755)"
TAKES_LONGER = f"import time; time.sleep(0.3); {MAKES_IT}"
FAILS = "import sys; sys.exit('the reason why')"


def python(code: str) -> Callable[[Path], Step]:
    return lambda folder: Step([sys.executable, "-c", code, str(folder / "made")], folder / "made")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SOME_SERVER_BIN", raising=False)
    monkeypatch.delenv("CI", raising=False)
    return tmp_path / "s3-resource-operator"


def known(monkeypatch: pytest.MonkeyPatch, step: Callable[[Path], Step]) -> None:
    server = Server("some-server", "v1", "a server", step)
    monkeypatch.setitem(SERVERS, "some-server", server)


def test_builds_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, python(MAKES_IT))
    out = io.StringIO()

    built = build("some-server", out=out)
    again = build("some-server", out=out)

    assert built == again == cache / "some-server" / "v1" / "some-server"
    assert built.exists()
    assert out.getvalue().count("building v1 (a server)") == 1
    assert f"have {built}" in out.getvalue()


def test_builders_do_not_collide(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, python(TAKES_LONGER))
    out = io.StringIO()

    with ThreadPoolExecutor(2) as pool:
        built = list(pool.map(lambda name: build(name, out=out), ["some-server"] * 2))

    assert built[0] == built[1]
    assert out.getvalue().count("building v1") == 1
    assert "another build of it is under way" in out.getvalue()


def test_failed_build_says_why_and_leaves_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, python(FAILS))

    with pytest.raises(BuildError, match="the reason why"):
        build("some-server", out=io.StringIO())

    left = [path.name for path in (cache / "some-server" / "v1").iterdir()]
    assert left == [".lock"]


def test_remains_of_a_killed_build_are_removed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, python(MAKES_IT))
    folder = cache / "some-server" / "v1"
    (folder / ".building-killed").mkdir(parents=True)

    build("some-server", out=io.StringIO())

    assert {path.name for path in folder.iterdir()} == {".lock", "some-server"}


def test_missing_tool_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known(monkeypatch, lambda folder: Step(["no-such-tool"], folder / "made"))

    assert main(["build", "some-server"]) == 1

    (line,) = capsys.readouterr().err.splitlines()
    assert "`no-such-tool` is not on PATH" in line
    assert "SOME_SERVER_BIN" in line


def test_variable_names_a_ready_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known(monkeypatch, python(FAILS))
    monkeypatch.setenv("SOME_SERVER_BIN", sys.executable)

    assert build("some-server", out=io.StringIO()) == Path(sys.executable).resolve()
    assert main(["path", "some-server"]) == 0
    assert capsys.readouterr().out.strip() == str(Path(sys.executable).resolve())


def test_variable_must_name_a_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known(monkeypatch, python(MAKES_IT))
    monkeypatch.setenv("SOME_SERVER_BIN", str(tmp_path))

    with pytest.raises(BuildError, match="SOME_SERVER_BIN"):
        find("some-server")


def test_unknown_server_lists_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "another"]) == 1

    assert (
        "versitygw, minio, garage, ceph-rgw, seaweedfs, rustfs, etcd, kube-apiserver"
        in capsys.readouterr().err
    )


def test_one_on_request_skips_in_ci_too(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server("some-server", "v1", "a server", python(MAKES_IT), on_request=True)
    monkeypatch.setitem(SERVERS, "some-server", server)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.skip.Exception, match=r"tests\.servers build some-server"):
        require("some-server")
    assert "some-server" not in unasked()


def test_missing_server_skips_but_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    known(monkeypatch, python(MAKES_IT))

    with pytest.raises(pytest.skip.Exception, match=r"tests\.servers build some-server"):
        require("some-server")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="some-server is not built"):
        require("some-server")
    build("some-server", out=io.StringIO())
    assert require("some-server") == find("some-server")


def test_metacontroller_comes_with_its_crds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    crds = tmp_path / "crds.yaml"
    monkeypatch.setenv("METACONTROLLER_BIN", sys.executable)
    monkeypatch.setenv("METACONTROLLER_CRDS", str(crds))

    with pytest.raises(Exception, match=r"METACONTROLLER_CRDS names .*crds\.yaml"):
        find_metacontroller()
    crds.touch()
    assert find_metacontroller().crds == crds.resolve()
