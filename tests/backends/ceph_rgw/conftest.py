"""One running gateway for all that only Ceph RGW does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.subject import RealSubject, ceph_rgw_subject
from tests.servers.ceph_rgw import CephRGWStore


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with ceph_rgw_subject(tmp_path_factory.mktemp("ceph-rgw")) as subject:
        yield subject


@pytest.fixture
def store(ceph: RealSubject) -> CephRGWStore:
    assert isinstance(ceph.store, CephRGWStore)
    return ceph.store
