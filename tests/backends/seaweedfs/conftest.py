"""A SeaweedFS for each file, behind the operator and in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.subject import RealSubject, seaweedfs_subject
from tests.servers.seaweedfs import SeaweedStore


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with seaweedfs_subject(tmp_path_factory.mktemp("seaweedfs")) as subject:
        yield subject


@pytest.fixture
def store(seaweedfs: RealSubject) -> SeaweedStore:
    assert isinstance(seaweedfs.store, SeaweedStore)
    return seaweedfs.store
