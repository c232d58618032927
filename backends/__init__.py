"""The stores. Each knows only its own admin API: nothing of Kubernetes, nothing of HTTP serving."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

from backends.base import Backend, Connection, Observer


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a store's backend is; imported when it is used, since some bring much along."""

    module: str
    name: str

    def __call__(self, connection: Connection, observe: Observer) -> Backend:
        """The backend, connected to nothing yet."""
        backend: Backend = getattr(importlib.import_module(self.module), self.name)(
            connection, observe
        )
        return backend


REGISTRY: Mapping[str, Entry] = {
    "versitygw": Entry("backends.versitygw.backend", "VersityGW"),
    "minio": Entry("backends.minio.backend", "MinIO"),
    "garage": Entry("backends.garage.backend", "Garage"),
    "ceph-rgw": Entry("backends.ceph_rgw.backend", "CephRGW"),
    "seaweedfs": Entry("backends.seaweedfs.backend", "SeaweedFS"),
    "rustfs": Entry("backends.rustfs.backend", "RustFS"),
}
"""Every store by the name that BACKEND_NAME takes."""

__all__ = ["REGISTRY", "Backend", "Connection", "Observer"]
