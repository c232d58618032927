"""A store in memory behind the hook, and a Secret for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from tests.model import ModelStore
from tests.serving.apps import hook
from tests.support import Secret


@pytest.fixture
def store() -> ModelStore:
    return ModelStore()


@pytest.fixture
def client(store: ModelStore) -> Iterator[TestClient]:
    with TestClient(hook(store)) as client:
        yield client


@pytest.fixture
def secret() -> Secret:
    return Secret.claiming("my-bucket", "my-user", "hunter2")
