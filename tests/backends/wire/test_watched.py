"""A file that is replaced while the process runs."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from backends.wire.watched import WatchedFile
from hooks.commands.processes import wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def text(content: bytes) -> str:
    if b"broken" in content:
        raise ValueError("is broken")
    return content.decode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("one")
    return path


def test_a_change_is_seen_within_a_second_and_not_looked_for_before(path: Path) -> None:
    clock = Clock()
    file = WatchedFile(path, "the file", text, clock=clock)
    path.write_text("another")
    clock.now = 0.9
    assert file.value == "one"
    clock.now = 1.0
    # It is read in a thread of its own; nobody waits for it.
    wait_until(lambda: file.value == "another", timeout=10, what="the new value")


def test_a_mounted_files_switched_link_is_a_change(tmp_path: Path) -> None:
    for version in ("one", "two"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "file").write_text(version)
    (tmp_path / "data").symlink_to("one")
    file = WatchedFile(tmp_path / "data" / "file", "the file", text)
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(tmp_path / "data")
    file.refresh()
    assert file.value == "two"


@pytest.mark.parametrize("broken", ["content", "size", "folder", "gone"])
def test_a_broken_version_leaves_the_former_and_is_told_once(
    path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    file = WatchedFile(path, "the file", text, limit=20)
    seen: list[bool] = []
    file.watch(seen.append)
    path.unlink()
    if broken == "content":
        path.write_text("broken")
    elif broken == "size":
        path.write_text("x" * 21)
    elif broken == "folder":
        path.mkdir()
    for _ in range(3):
        file.refresh()
        assert file.value == "one"
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert seen == [True, False]
    if broken == "folder":
        path.rmdir()
    path.write_text("mended")
    file.refresh()
    assert file.value == "mended"
    assert seen == [True, False, True]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="not a regular file"):
        WatchedFile(tmp_path / "pipe", "the file", text)
