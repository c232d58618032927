"""What the commands show of a bucket's settings."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hooks.commands import once
from hooks.commands.overview import Row
from hooks.contract.status import Keys
from hooks.settings.settings import Settings
from tests.model import ModelStore
from tests.support import ENVIRON, PREFIX, Operator, Secret

KEYS = Keys(f"{PREFIX}enabled")


def shown(secret: Secret) -> dict[str, str | None]:
    metadata: dict[str, Any] = {**secret.document["metadata"]}
    return Row.of({"metadata": metadata}, KEYS).document()


def test_status_shows_which_settings_were_written() -> None:
    operator = Operator(ModelStore())
    secret = Secret.claiming("bucket", "user", "a-strong-secret")
    operator.sync(secret)
    assert "settings" not in shown(secret)
    secret.set(cors="*", tags="a=b")
    operator.sync(secret)
    assert shown(secret)["settings"] == "tags, cors"


def test_a_dry_run_shows_each_settings_change_to_programs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ModelStore()
    secret = Secret.claiming("bucket", "user", "a-strong-secret", tags="a=b")
    Operator(store).sync(secret)
    secret.set(tags="a=c")
    manifest = tmp_path / "secret.json"
    manifest.write_text(json.dumps(secret.document))
    arguments = argparse.Namespace(
        file=[str(manifest)], dry_run=True, problems=False, output="json", connection=None
    )
    assert asyncio.run(once.run(Settings.load(ENVIRON), store, arguments)) == once.OK
    (row,) = json.loads(capsys.readouterr().out)
    assert row["actions"] == ["set-tags"]
    assert row["settings"] == [
        {"bucket": "bucket", "setting": "tags", "before": {"a": "b"}, "after": {"a": "c"}}
    ]
    assert list(store.bucket_settings.documents.values()) == [{"a": "b"}]
