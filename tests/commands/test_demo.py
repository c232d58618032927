"""The demo, as somebody who has just cloned the project sees it."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hooks.commands.cli import main
from tests.servers.require import require

PREFIX = "s3-resource-operator.io/"
ROOT = Path(__file__).parents[2]
# Ports, times, and what depends on a key made for the occasion.
CHANCE = re.compile(
    r"127\.0\.0\.1:[0-9]+|v2\.[\w-]+…|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z"
    r"|Done in [0-9.]+ s|(?<=applied: )[\w-]+"
)


def shown(svg: str) -> str:
    """The words of a picture, without what is another at each run."""
    words = "".join(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL))
    text = html.unescape(re.sub(r"<[^>]+>", "", words)).replace("\xa0", " ")
    # What is drawn in colours of its own stands in a text of its own.
    return CHANCE.sub("…", text)


@pytest.mark.server
@pytest.mark.parametrize(
    "backend", ["versitygw", "minio", "garage", "ceph-rgw", "seaweedfs", "rustfs"]
)
def test_the_demo_tells_the_whole_story(backend: str, capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["demo", "--backend", backend, "--binary", str(require(backend))])
    shown = capfd.readouterr().out
    assert code == 0, shown
    assert f"{PREFIX}status: Ready" in shown
    assert "1 request to the store, nothing written" in shown
    assert "s3_operator_buckets_created_total" in shown
    assert "everything is cleaned up" in shown
    # A terminal is as wide as that at least.
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.server
def test_the_demo_of_several_stores_tells_of_an_outage_and_a_move(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for store in ("versitygw", "minio", "garage"):
        monkeypatch.setenv(f"{store.upper()}_BIN", str(require(store)))
    code = main(["demo", "--several"])
    shown = capfd.readouterr().out
    assert code == 0, shown
    words = " ".join(shown.split())
    for told in (
        "app-default versitygw Ready/Provisioned",
        "app-minio minio Retrying/BackendUnavailable",
        "app-new garage Ready/Provisioned",
        's3_operator_backend_up{store="minio"} 0',
        "stayed on the store minio",
        "the new bucket on Garage is empty (NoSuchKey)",
        "app-tape tape Skipped/EndpointMismatch",
        "everything is cleaned up",
    ):
        assert told in words
    assert max(len(line) for line in shown.splitlines()) <= 80


@pytest.mark.server
def test_the_demo_is_saved_as_a_picture_that_loads_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "docs" / "demo.svg"
    command = ["demo", "--binary", str(require("versitygw")), "--svg", str(picture)]
    subprocess.run(  # noqa: S603 - the product's own command
        [sys.executable, "-m", "hooks", *command], check=True, capture_output=True, timeout=60
    )
    svg = picture.read_text()
    # What the README shows is what is printed now; else: make demo-svg.
    assert shown(svg) == shown((ROOT / "docs" / "demo.svg").read_text())
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
    for name in ("MINIO_BIN", "GARAGE_BIN"):
        monkeypatch.delenv(name, raising=False)
    assert main(["demo", "--several"]) == 1
    shown = capfd.readouterr().out
    assert "VERSITYGW_BIN, MINIO_BIN, GARAGE_BIN" in " ".join(shown.split())
    assert "make demo SEVERAL=1" in " ".join(shown.split())
