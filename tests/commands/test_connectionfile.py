"""Connection Secrets in a file: for its owner alone, whole or not at all, never on a terminal."""

from __future__ import annotations

import base64
import errno
import io
import os
import pty
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from backends.errors import Unavailable
from hooks.commands import connectionfile
from hooks.commands.cli import main
from tests.commands.test_sync import MANIFEST, write
from tests.model import ModelStore
from tests.support import PREFIX

pytestmark = pytest.mark.usefixtures("configured")

ASKING = MANIFEST.replace(
    'enabled: "true"',
    f'enabled: "true", {PREFIX}connection-secret: app-s3, {PREFIX}connection-format: velero',
)


def read(path: Path) -> list[Any]:
    return list(yaml.safe_load_all(path.read_text()))


@pytest.mark.usefixtures("model")
def test_a_connection_secret_is_written_for_its_owner_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "connection.yaml"
    made.write_text("from before")
    made.chmod(0o644)
    old = os.umask(0)
    try:
        code = main(
            ["sync", "-f", write(tmp_path, ASKING), "-o", "yaml", "--connection", str(made)]
        )
    finally:
        os.umask(old)
    assert code == 0
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    (secret,) = read(made)
    assert secret["kind"] == "Secret"
    assert secret["metadata"]["name"] == "app-s3"
    plain = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert plain["AWS_SECRET_ACCESS_KEY"] in plain["cloud"]
    # Only the file has it.
    shown = capsys.readouterr()
    assert plain["AWS_SECRET_ACCESS_KEY"] not in shown.out + shown.err
    (row,) = yaml.safe_load(shown.out)
    assert row["status"] == "Ready"
    assert "left to Metacontroller" not in row["message"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.usefixtures("model")
def test_standard_output_has_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", "-f", write(tmp_path, ASKING), "-o", "yaml", "--connection"]) == 0
    shown = capfd.readouterr()
    (secret,) = yaml.safe_load_all(shown.out)
    assert secret["metadata"]["name"] == "app-s3"
    assert "1 Ready" in shown.err


def test_a_redirected_file_becomes_its_owners_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    with path.open("w") as out:
        path.chmod(0o644)
        monkeypatch.setattr("sys.stdout", out)
        connectionfile.check("-")
        connectionfile.write("-", [{"kind": "Secret"}])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read(path) == [{"kind": "Secret"}]


def test_a_terminal_gets_no_credentials(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        assert main(["sync", "-f", write(tmp_path, ASKING), "-o", "yaml", "--connection"]) == 1
    os.close(ours)
    assert "is a terminal" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "why"),
    [("/dev/null", "no ordinary file"), (".", "no ordinary file"), ("none/file", "no folder")],
)
def test_what_is_no_place_for_credentials_is_refused_before_anything_is_done(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["sync", "-f", write(tmp_path, ASKING), "--connection", file]) == 1
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_neither_followed_nor_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], there: bool
) -> None:
    """As /dev/stdout is one, which root could replace; and who plants one names a victim."""
    target = tmp_path / "target"
    if there:
        target.write_text("precious")
    link = tmp_path / "connection.yaml"
    link.symlink_to(target)
    assert main(["sync", "-f", write(tmp_path, ASKING), "--connection", str(link)]) == 1
    assert "symbolic link" in capsys.readouterr().err
    assert link.is_symlink()
    assert (target.read_text() if there else target.exists()) == ("precious" if there else False)


def test_a_link_that_comes_later_is_not_followed_either(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "connection.yaml"
    target.write_text("precious")
    connectionfile.check(str(link))
    link.symlink_to(target)
    assert connectionfile.read(str(link)) == []
    connectionfile.write(str(link), [{"kind": "Secret"}])
    assert target.read_text() == "precious"
    assert not link.is_symlink()
    assert read(link) == [{"kind": "Secret"}]


def test_what_somebody_else_has_put_there_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "connection.yaml"
    path.write_text("kind: Secret\n")
    assert connectionfile.read(str(path)) == [{"kind": "Secret"}]
    status = os.fstat
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    assert connectionfile.read(str(path)) == [{"kind": "Secret"}]  # the folder's owner's
    monkeypatch.setattr(
        os, "fstat", lambda opened: os.stat_result([*status(opened)[:4], 4343, *status(opened)[5:]])
    )
    assert connectionfile.read(str(path)) == []


def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "connection.yaml"
    path.write_text("from before")

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def full(descriptor: int, *_: object, **__: object) -> io.StringIO:
        os.close(descriptor)
        return Full()

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(connectionfile.NotWritten, match="No space left"):
        connectionfile.write(str(path), [{"kind": "Secret"}])
    assert path.read_text() == "from before"
    assert [each.name for each in tmp_path.iterdir()] == ["connection.yaml"]


def test_an_outage_takes_no_credentials_out_of_the_file(
    tmp_path: Path, model: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "connection.yaml"
    arguments = ["sync", "-f", write(tmp_path, ASKING), "--connection", str(file)]
    assert main(arguments) == 0
    before = read(file)
    assert [made["metadata"]["name"] for made in before] == ["app-s3"]

    async def fails(*_: object) -> Any:
        raise Unavailable("the store does not answer")

    monkeypatch.setattr(model, "probe", fails)
    assert main(arguments) == 1
    assert read(file) == before
    # Who asks for another one, or for none, isn't given that one.
    other = ASKING.replace("app-s3", "other-s3")
    assert main(["sync", "-f", write(tmp_path, other), "--connection", str(file)]) == 1
    assert read(file) == []


def test_a_rehearsal_has_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "connection.yaml")
    arguments = ["sync", "--dry-run", "-f", write(tmp_path, ASKING), "--connection", file]
    assert main(arguments) == 1
    assert "--dry-run" in capsys.readouterr().err
    assert not Path(file).exists()


def test_who_is_not_ready_gets_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "connection.yaml"
    assert main(["sync", "-f", write(tmp_path, ASKING), "--connection", str(file)]) == 1
    assert "Retrying" in capsys.readouterr().out
    assert file.read_text() == ""


@pytest.mark.usefixtures("model")
def test_one_that_asks_for_none_gets_none(tmp_path: Path) -> None:
    file = tmp_path / "connection.yaml"
    assert main(["sync", "-f", write(tmp_path, MANIFEST), "--connection", str(file)]) == 0
    assert file.read_text() == ""
