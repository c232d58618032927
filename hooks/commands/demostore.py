"""The stores that the demo can be told on: how each is started with an administrator of its own."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hooks.commands.cephrgw import ceph_rgw
from hooks.commands.processes import (
    LOOPBACK,
    Process,
    free_port,
    garage,
    minio,
    rustfs,
    seaweedfs,
    versitygw,
)

USER = "my-app-user"


@dataclass(frozen=True)
class Running:
    """A started store, and the operator's settings for it."""

    process: Process
    endpoint: str
    environ: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class DemoStore:
    """One kind of store.

    Args:
        name: as BACKEND_NAME takes it.
        title: what people call it.
        region: of its signatures.
        start: starts its program on files below a folder.
        program: what the program is called, where not like the store.
        user: an access key that it takes.
    """

    name: str
    title: str
    region: str
    start: Callable[[Path, Path], Running]
    program: str = ""
    user: str = USER

    @property
    def variable(self) -> str:
        """The environment variable that names its program."""
        return f"{self.name.upper().replace('-', '_')}_BIN"

    def find(self, binary: str | None) -> Path | None:
        """Its program: the given one, else the variable's, else one on PATH."""
        program = self.program or self.name
        found = binary or os.environ.get(self.variable) or shutil.which(program)
        return Path(found) if found and Path(found).exists() else None


def _versitygw(binary: Path, folder: Path) -> Running:
    return _with_keys("versitygw", versitygw, binary, folder)


def _minio(binary: Path, folder: Path) -> Running:
    return _with_keys("minio", minio, binary, folder)


def _seaweedfs(binary: Path, folder: Path) -> Running:
    return _with_keys("seaweedfs", seaweedfs, binary, folder)


def _rustfs(binary: Path, folder: Path) -> Running:
    return _with_keys("rustfs", rustfs, binary, folder)


def _with_keys(name: str, start: Callable[..., Process], binary: Path, folder: Path) -> Running:
    port, secret_key = free_port(), secrets.token_urlsafe(24)
    process = start(binary, folder, port=port, access_key="admin", secret_key=secret_key)
    endpoint = f"http://{LOOPBACK}:{port}"
    environ = {
        "BACKEND_NAME": name,
        "S3_ENDPOINT_URL": endpoint,
        "S3_ACCESS_KEY": "admin",
        "S3_SECRET_KEY": secret_key,
    }
    return Running(process, endpoint, environ)


def _garage(binary: Path, folder: Path) -> Running:
    port, admin_port, token = free_port(), free_port(), secrets.token_urlsafe(24)
    process = garage(binary, folder, port=port, admin_port=admin_port, admin_token=token)
    endpoint = f"http://{LOOPBACK}:{port}"
    environ = {
        "BACKEND_NAME": "garage",
        "S3_ENDPOINT_URL": endpoint,
        "S3_ADMIN_ENDPOINT_URL": f"http://{LOOPBACK}:{admin_port}",
        "S3_ADMIN_TOKEN": token,
    }
    return Running(process, endpoint, environ)


def _ceph_rgw(binary: Path, folder: Path) -> Running:
    port = free_port()
    gateway = ceph_rgw(binary, folder, port=port, access_key="admin")
    endpoint = f"http://{LOOPBACK}:{port}"
    environ = {
        "BACKEND_NAME": "ceph-rgw",
        "S3_ENDPOINT_URL": endpoint,
        "S3_ACCESS_KEY": gateway.access_key,
        "S3_SECRET_KEY": gateway.secret_key,
    }
    return Running(gateway, endpoint, environ)


DEMO_STORES: Mapping[str, DemoStore] = {
    store.name: store
    for store in (
        DemoStore("versitygw", "VersityGW", "us-east-1", _versitygw),
        DemoStore("minio", "MinIO", "us-east-1", _minio),
        DemoStore("garage", "Garage", "garage", _garage),
        DemoStore("ceph-rgw", "Ceph RGW", "us-east-1", _ceph_rgw, program="radosgw"),
        DemoStore(
            "seaweedfs", "SeaweedFS", "us-east-1", _seaweedfs, program="weed", user="myappuser"
        ),
        DemoStore("rustfs", "RustFS", "us-east-1", _rustfs),
    )
}
