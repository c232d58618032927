"""Several stores for one operator: the list of them, and what it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.require import require
from tests.servers.s3 import S3Store
from tests.servers.store import Store

KINDS = {"versitygw": Store, "minio": MinioStore, "garage": GarageStore}
_FILES = {
    "S3_ACCESS_KEY": "access-key",
    "S3_SECRET_KEY": "secret-key",
    "S3_ADMIN_TOKEN": "admin-token",
}
_URLS = {"S3_ENDPOINT_URL": "endpoint", "S3_ADMIN_ENDPOINT_URL": "admin-endpoint"}


class List:
    """STORES_FILE for running stores.

    Args:
        folder: where it is written, with the files of credentials.
        stores: by their names; each is called like its kind.
        kind: of all, where they are called otherwise.
    """

    def __init__(self, folder: Path, stores: Mapping[str, S3Store], kind: str = "") -> None:
        self._kind = kind
        self.folder = folder
        self.path = folder / "stores.yaml"
        self.stores = stores
        self.entries: dict[str, dict[str, Any]] = {
            name: self.entry(name, store) for name, store in stores.items()
        }
        self.default = next(iter(stores))
        self.write()

    def write(self) -> None:
        """Replaces the file, as a mounted ConfigMap's is."""
        document = {"default": self.default, "stores": list(self.entries.values())}
        new = self.path.with_suffix(".new")
        new.write_text(yaml.safe_dump(document, sort_keys=False))
        new.rename(self.path)

    def entry(self, name: str, store: S3Store) -> dict[str, Any]:
        """What the list has to say of a store; its files of credentials are written."""
        entry: dict[str, Any] = {"name": name, "backend": self._kind or name}
        for variable, value in store.environ().items():
            if variable in _URLS:
                entry[_URLS[variable]] = value
            elif variable in _FILES:
                file = self.folder / name / _FILES[variable]
                file.parent.mkdir(exist_ok=True)
                file.write_text(f"{value}\n")
                entry[f"{_FILES[variable]}-file"] = str(file)
        return entry


@contextmanager
def running_stores(folder: Path, *names: str) -> Iterator[List]:
    """Real stores of these kinds, and the list of them."""
    with ExitStack() as stack:
        stores: dict[str, S3Store] = {}
        for name in names:
            data = folder / f"{name}-data"
            data.mkdir()
            store = KINDS[name](require(name), data)
            stack.callback(store.stop)
            stores[name] = store
        yield List(folder, stores)
