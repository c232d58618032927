"""Settings of an environment that has all that is required, and its mistakes."""

from __future__ import annotations

import pytest

from hooks.settings.settings import Settings, SettingsError

REQUIRED = {
    "S3_ENDPOINT_URL": "https://s3.example.com:7070",
    "S3_ACCESS_KEY": "operator-key",
    "S3_SECRET_KEY": "operator-secret",
}


def load(**variables: str) -> Settings:
    return Settings.load({**REQUIRED, **variables})


def mistakes(**variables: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(**variables)
    return caught.value.mistakes


def named(found: list[str]) -> list[str]:
    return [mistake.partition(":")[0] for mistake in found]
