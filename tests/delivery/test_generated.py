"""Generated credentials with the plain manifests: they set what they are derived from."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hooks.claim.fields import InvalidSecret
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Reason
from hooks.settings.settings import Settings
from hooks.sync.renewal import generator_of
from tests.manifests import MANIFESTS, load, load_settings, one


def example() -> SyncRequest:
    """The annotated Secret of the example, as the API server has it."""
    secret = load(MANIFESTS / "examples/generated.yaml")[0]
    secret["metadata"] |= {"namespace": "team", "uid": "uid"}
    secret["data"] = {}
    return SyncRequest.of(secret)


def test_the_plain_manifests_generate_credentials(tmp_path: Path) -> None:
    settings, _ = load_settings(tmp_path)
    assert not settings.signing_key_is_derived
    plan = generator_of(settings).plan(example(), None, int(time.time()))
    assert plan is not None
    assert plan.target.access_key
    attachments = one("decoratorcontroller.yaml", "DecoratorController")["spec"]["attachments"]
    assert [each["resource"] for each in attachments] == ["secrets"]


def test_without_the_key_it_is_told_rather_than_derived_from_another(tmp_path: Path) -> None:
    _, environ = load_settings(tmp_path)
    without = {name: value for name, value in environ.items() if name != "SIGNING_KEY_FILE"}
    with pytest.raises(InvalidSecret, match="SIGNING_KEY") as caught:
        generator_of(Settings.load(without)).plan(example(), None, int(time.time()))
    assert caught.value.reason is Reason.NOT_SUPPORTED
