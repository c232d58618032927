"""The stores that can be measured, each empty for every measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from backends.capabilities import CAPABILITIES
from tests.servers.build import build
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.rustfs import RustFSStore
from tests.servers.s3 import S3Store
from tests.servers.seaweedfs import SeaweedStore
from tests.servers.store import Store

KINDS: Mapping[str, Callable[[Path, Path], S3Store]] = {
    # As it starts by itself, with its cache of accounts.
    "versitygw": partial(Store, cache=True),
    "minio": MinioStore,
    "garage": GarageStore,
    "ceph-rgw": CephRGWStore,
    "seaweedfs": SeaweedStore,
    "rustfs": RustFSStore,
}


class Stores:
    """Starts stores of one kind.

    Args:
        kind: a key of `KINDS`, which is BACKEND_NAME too.
        rotation: whether to measure it, where the store can change a user's secret.
    """

    def __init__(self, kind: str, *, rotation: bool = True) -> None:
        self.kind = kind
        self.rotation = rotation and CAPABILITIES[kind].rotation
        self._program = build(kind)

    def start(self, directory: Path) -> S3Store:
        directory.mkdir(parents=True, exist_ok=True)
        return KINDS[self.kind](self._program, directory)

    @contextmanager
    def running(self, directory: Path) -> Iterator[S3Store]:
        store = self.start(directory)
        try:
            yield store
        finally:
            store.stop()
