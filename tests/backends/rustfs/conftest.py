"""A RustFS for each file, behind the operator and in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.subject import RealSubject, rustfs_subject
from tests.servers.rustfs import RustFSStore


@pytest.fixture(scope="module")
def rustfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with rustfs_subject(tmp_path_factory.mktemp("rustfs")) as subject:
        yield subject


@pytest.fixture
def store(rustfs: RealSubject) -> RustFSStore:
    assert isinstance(rustfs.store, RustFSStore)
    return rustfs.store
