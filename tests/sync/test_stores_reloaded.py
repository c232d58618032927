"""A list of stores that changes: nothing of a former entry is kept."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync.stores import Site, Sites
from tests.authority import Authority
from tests.support import wait


class Reloaded:
    """Sites of a list on files; no store is asked for anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("access-key", "secret-key"):
            (folder / name).write_text("an-operators\n")
        self.bundle("ca.crt")
        self.entry: dict[str, Any] = {
            "name": "large",
            "backend": "versitygw",
            "endpoint": "https://large.example",
            "access-key-file": "access-key",
            "secret-key-file": "secret-key",
            "ca-bundle": "ca.crt",
        }
        self._write()
        settings = Settings.load(
            {"STORES_FILE": str(folder / "stores.yaml"), "SIGNING_KEY": "a-key"}
        )
        assert settings.stores is not None
        self.file = settings.stores
        self.metrics = Metrics(by_store=True)
        self.sites = Sites(settings, self.file, self.metrics)

    def bundle(self, name: str) -> None:
        (self.folder / name).write_bytes(Authority("authority").pem())

    def change(self, **keys: str | None) -> None:
        """The entry with these keys, and without those that are None; the file is read anew."""
        self.entry |= {key.replace("_", "-"): value for key, value in keys.items()}
        self.entry = {key: value for key, value in self.entry.items() if value is not None}
        self._write()
        self.file.refresh()

    def _write(self) -> None:
        new = self.folder / "new"
        new.write_text(yaml.safe_dump({"stores": [self.entry]}))
        new.rename(self.folder / "stores.yaml")

    def valid(self) -> float | None:
        return self.metrics.registry.get_sample_value(
            "s3_operator_ca_bundle_valid", {"store": "large"}
        )


@pytest.fixture
def reloaded(tmp_path: Path) -> Iterator[Reloaded]:
    made = Reloaded(tmp_path)
    yield made
    wait(made.sites.close())


def site(reloaded: Reloaded) -> Site:
    return reloaded.sites.default


def test_a_replaced_entry_is_let_go_with_all_that_watched_files_for_it(
    reloaded: Reloaded,
) -> None:
    former = []
    for number in range(5):
        former.append(weakref.ref(site(reloaded).parts.syncer))
        reloaded.change(region=f"region-{number}")

    async def next_call() -> None:
        site(reloaded)

    wait(next_call())
    wait(asyncio.sleep(0.1))
    gc.collect()
    assert [each() for each in former] == [None] * 5
    # The present one goes on watching.
    assert reloaded.valid() == 1
    (reloaded.folder / "ca.crt").write_bytes(b"no PEM")
    bundle = site(reloaded).settings.connection.ca_bundle
    assert bundle is not None
    bundle.refresh()
    assert reloaded.valid() == 0


def test_a_store_without_cas_of_its_own_any_more_tells_of_none(reloaded: Reloaded) -> None:
    assert site(reloaded).settings.connection.ca_bundle is not None
    assert reloaded.valid() == 1
    reloaded.change(ca_bundle=None)
    assert site(reloaded).settings.connection.ca_bundle is None
    assert reloaded.valid() is None


def test_files_of_cas_that_no_entry_names_any_more_are_let_go(reloaded: Reloaded) -> None:
    # The settings that the program began with keep the first one.
    for name in ("other.crt", "third.crt"):
        reloaded.bundle(name)
    reloaded.change(ca_bundle="other.crt")
    bundle = site(reloaded).settings.connection.ca_bundle
    assert bundle is not None
    former = weakref.ref(bundle)
    del bundle
    reloaded.change(ca_bundle="third.crt")

    async def next_call() -> None:
        site(reloaded)

    wait(next_call())
    wait(asyncio.sleep(0.1))
    gc.collect()
    assert former() is None


def test_a_change_is_seen_outside_the_event_loop_too(reloaded: Reloaded) -> None:
    (former,) = reloaded.sites
    closed = []

    async def close() -> None:
        closed.append(True)

    former.backend.close = close  # type: ignore[method-assign]
    reloaded.change(region="eu-west-3")
    (latter,) = reloaded.sites
    assert latter.settings.connection.region == "eu-west-3"
    assert former.retired
    assert not closed
    # Who has an event loop closes what the other couldn't.
    wait(reloaded.sites.close())
    assert closed == [True]


def test_what_is_still_at_work_is_closed_at_the_end(reloaded: Reloaded) -> None:
    (former,) = reloaded.sites
    closed = []

    async def close() -> None:
        closed.append(True)

    former.backend.close = close  # type: ignore[method-assign]

    async def end_meanwhile() -> None:
        async with reloaded.sites.at_work(former):
            reloaded.change(region="eu-west-3")
            assert list(reloaded.sites) != [former]
            await reloaded.sites.close()
            assert closed == [True]

    wait(end_meanwhile())
    assert closed == [True]
