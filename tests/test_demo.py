"""The demo, as somebody who has just cloned the project sees it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hooks.cli import main
from tests.servers.require import require

PREFIX = "s3-resource-operator.io/"


@pytest.mark.server
@pytest.mark.parametrize("backend", ["versitygw", "minio", "garage"])
def test_the_demo_tells_the_whole_story(backend: str, capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", "--backend", backend, "--binary", str(require(backend))])
    shown = capfd.readouterr().out
    assert code == 0, shown
    assert f"{PREFIX}status: Ready" in shown
    assert "1 request to the store, nothing written" in shown
    assert "s3_operator_buckets_created_total" in shown
    assert "everything is cleaned up" in shown


@pytest.mark.server
def test_the_demo_is_saved_as_a_picture_that_loads_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "docs" / "demo.svg"
    command = ["demo", "--binary", str(require("versitygw")), "--svg", str(picture)]
    subprocess.run(  # noqa: S603 - the product's own command
        [sys.executable, "-m", "hooks", *command], check=True, capture_output=True, timeout=60
    )
    svg = picture.read_text()
    assert svg.startswith("<svg")
    assert "my-app-backups" in svg
    assert "@font-face" not in svg


def test_a_missing_store_is_said_with_the_remedy(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VERSITYGW_BIN", raising=False)
    monkeypatch.setenv("PATH", "")
    assert main(["demo"]) == 1
    assert "VERSITYGW_BIN" in capfd.readouterr().out
