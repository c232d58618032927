"""The running program that each store's facts are looked at on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.facts import ceph_rgw, garage, metacontroller, minio, rustfs, seaweedfs, versitygw
from tests.facts.caller import running_caller
from tests.facts.fact import Facts
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.require import require
from tests.servers.rustfs import RustFSStore
from tests.servers.s3 import S3Store
from tests.servers.seaweedfs import SeaweedStore
from tests.servers.store import Store
from tests.servers.table import SERVERS

FACTS: Mapping[str, Facts[Any]] = {
    module.FACTS.store: module.FACTS
    for module in (versitygw, minio, garage, ceph_rgw, seaweedfs, rustfs, metacontroller)
}
STORES: Mapping[str, Callable[[Path, Path], S3Store]] = {
    # With its cache of accounts, as it starts by itself: some rows are about that.
    "versitygw": partial(Store, cache=True),
    "minio": MinioStore,
    "garage": GarageStore,
    "ceph-rgw": CephRGWStore,
    "seaweedfs": SeaweedStore,
    "rustfs": RustFSStore,
}


def version(name: str) -> str:
    """The version that is looked at; "" for a program that no build here provides."""
    return SERVERS[name].version if name in SERVERS else ""


@contextmanager
def running(name: str, folder: Path) -> Iterator[Any]:
    """The program of that name, started on files below a folder and ended afterwards."""
    if name not in STORES:
        with running_caller(folder) as caller:
            yield caller
        return
    store = STORES[name](require(name), folder)
    try:
        yield store
    finally:
        store.stop()
