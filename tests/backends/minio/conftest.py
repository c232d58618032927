"""A MinIO for each file, behind the operator and in front of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.subject import RealSubject, minio_subject
from tests.servers.minio import MinioStore


@pytest.fixture(scope="module")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with minio_subject(tmp_path_factory.mktemp("minio")) as subject:
        yield subject


@pytest.fixture
def store(minio: RealSubject) -> MinioStore:
    assert isinstance(minio.store, MinioStore)
    return minio.store
