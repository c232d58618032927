"""What the tests of buckets' settings share: a settled Secret, and what a tenant sees."""

from __future__ import annotations

import json
from typing import Any

import pytest

from backends.bucketsettings import SettingName
from tests.conformance.subject import RealSubject
from tests.conformance.traits import READY, REAL
from tests.servers.s3 import code_of
from tests.support import Operator, Secret

SECRET = "a-very-strong-and-long-password"

PUBLIC = {"ALLOW_PUBLIC_ACCESS": "true"}

Answer = dict[str, Any]

_GET = {
    SettingName.TAGS: ("get_bucket_tagging", "TagSet"),
    SettingName.LIFECYCLE: ("get_bucket_lifecycle_configuration", "Rules"),
    SettingName.CORS: ("get_bucket_cors", "CORSRules"),
    SettingName.POLICY: ("get_bucket_policy", "Policy"),
    SettingName.RETENTION: ("get_object_lock_configuration", "ObjectLockConfiguration"),
}


def with_setting(name: SettingName) -> list[Any]:
    """The real stores that have a setting, as parameters."""
    return [
        pytest.param(store, marks=pytest.mark.server, id=store)
        for store, traits in REAL.items()
        if name in traits.capabilities.settings.names
    ]


def without_setting(*names: SettingName) -> list[Any]:
    """Each real store with each of the settings that it lacks."""
    return [
        pytest.param(store, name, marks=pytest.mark.server, id=f"{store}-{name.value}")
        for store, traits in REAL.items()
        for name in names
        if name not in traits.capabilities.settings.names
    ]


def settled(operator: Operator, name: str, /, **fields: str) -> Secret:
    """A Ready Secret with these fields."""
    secret = Secret.claiming(name, name, SECRET, **fields)
    operator.sync(secret)
    assert secret.state == READY, secret.annotations["message"]
    return secret


def seen(real: RealSubject, bucket: str, name: SettingName, user: str = "") -> Any:
    """What its owner, of the same name if no other is told, reads of a setting; None for nothing.

    It goes past the operator.
    """
    method, key = _GET[name]
    with real.store.s3(user or bucket, SECRET) as client:
        answers: list[Answer] = []
        code = code_of(lambda: answers.append(getattr(client, method)(Bucket=bucket)))
    if code:
        assert code.startswith("NoSuch") or code.endswith("NotFoundError"), code
        return None
    return answers[0].get(key) or None


def statements(real: RealSubject, bucket: str) -> dict[str, Any]:
    """The statements of a bucket's policy by their ids."""
    policy = seen(real, bucket, SettingName.POLICY)
    found = json.loads(policy)["Statement"] if policy else []
    return {statement.get("Sid", ""): statement for statement in found}
