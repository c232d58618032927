"""The stores where a bucket is whose policy for it says so, each behind the operator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.subject import RealSubject, minio_subject, rustfs_subject
from tests.servers.minio import MinioStore
from tests.servers.rustfs import RustFSStore

PolicyStore = MinioStore | RustFSStore
_SUBJECTS = {"minio": minio_subject, "rustfs": rustfs_subject}


@pytest.fixture(scope="module", params=_SUBJECTS)
def subject(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealSubject]:
    with _SUBJECTS[request.param](tmp_path_factory.mktemp(request.param)) as found:
        yield found


@pytest.fixture
def store(subject: RealSubject) -> PolicyStore:
    assert isinstance(subject.store, PolicyStore)
    return subject.store
