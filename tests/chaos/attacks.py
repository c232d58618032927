"""Tenants who are after what another holds, and what befalls those who hold it."""

from __future__ import annotations

import random
import secrets
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from functools import partial

import urllib3

from tests.chaos.ledger import Entry, Kind, Ledger, Role
from tests.chaos.objects import Objects
from tests.chaos.world import NAMESPACES, World
from tests.e2e.stack import operator_annotations, prefixed

Job = tuple[str, Callable[[], None]]
Surely = Callable[[Callable[[], object]], None]
"""Does something until whatever it asks has done it."""

HEAVY_BYTES = 300 * 1024


class Attacks:
    """The attackers of a run.

    Args:
        world: where.
        ledger: what was asked for.
        dice: what is done.
        surely: does a thing although servers are restarted meanwhile.
    """

    def __init__(self, world: World, ledger: Ledger, dice: random.Random, surely: Surely) -> None:
        self._world = world
        self._ledger = ledger
        self._dice = dice
        self._surely = surely

    def holders(self, sets: int) -> list[Job]:
        """Those who are there first: one for each thing that may befall them.

        Args:
            sets: how many times.
        """
        jobs: list[Job] = []
        for number in range(sets):
            for role in Role:
                entry = self._ledger.new(NAMESPACES[number % 2], Kind.HOLDER, role=role)
                if role is Role.CONTENDED:
                    entry.more = _filler()
                jobs.append(("holder made", partial(self._apply, entry)))
        return jobs

    def storm(self) -> list[Job]:
        """A round's attacks."""
        jobs: list[Job] = []
        for holder in self._ledger.live(Kind.HOLDER):
            others = [entry for entry in self._ledger.entries if entry.holder is holder]
            coin = self._dice.random() < 0.5
            match holder.role:
                case Role.CONTENDED:
                    # One more in each round, which is new and as heavy as the holder.
                    jobs.append(("heavy contender", self._contender(holder, heavy=True)))
                    if others:
                        jobs.append(("holder rotated", partial(self._rotate, holder)))
                case Role.COPIED if not others:
                    copy = self._ledger.attacker(Kind.COPY, holder, _other(holder))
                    jobs.append(("pair copied", partial(self._apply, copy)))
                case Role.COPIED:
                    again = partial(self._rotate_and_copy, holder, others[0], copied=coin)
                    jobs.append(("copied pair rotated", again))
                case Role.VANISHING:
                    jobs += self._contended(holder, others)
                    jobs.append(("bucket vanished", partial(self._vanish, holder)))
                case Role.STRIPPED:
                    jobs += self._contended(holder, others)
                    strip = partial(self._strip, holder, rotated=coin)
                    jobs.append(("metadata stripped", strip))
                case Role.REMADE:
                    jobs.append(("made again", partial(self._remake, holder, restored=coin)))
        return jobs

    def _contended(self, holder: Entry, others: list[Entry]) -> list[Job]:
        """Someone who waits for the holder's bucket, unless there is one."""
        return [] if others else [("contender", self._contender(holder))]

    def _contender(self, holder: Entry, *, heavy: bool = False) -> Callable[[], None]:
        entry = self._ledger.attacker(Kind.CONTENDER, holder, _other(holder))
        if heavy:
            entry.more = _filler()
        return partial(self._apply, entry)

    def _rotate(self, holder: Entry) -> None:
        self._ledger.change(holder, secret=True, bucket=False, user=False)
        self._apply(holder)

    def _rotate_and_copy(self, holder: Entry, copy: Entry, *, copied: bool) -> None:
        """The holder's secret is another now; that may leak, too."""
        self._rotate(holder)
        if copied:
            self._ledger.copy(copy)
            self._apply(copy)

    def _vanish(self, holder: Entry) -> None:
        """Its own credentials delete its bucket, and who waits for it comes at once."""
        tenant = holder.tenant
        with closing(Objects(self._world.store, 1)) as objects:

            def delete() -> None:
                code = objects.delete_bucket(tenant.bucket, tenant.credentials)
                if code not in {"", "NoSuchBucket"}:
                    # Not yet: a store that is starting, or a holder that isn't Ready.
                    raise urllib3.exceptions.HTTPError(code)

            self._surely(delete)
        for entry in self._ledger.live(Kind.CONTENDER):
            if entry.holder is holder:
                self._touch(entry)

    def _strip(self, holder: Entry, *, rotated: bool) -> None:
        """A write that knows nothing of the operator's annotations and labels."""
        if rotated:
            self._ledger.change(holder, secret=True, bucket=False, user=False)
        self._surely(lambda: self._world.cluster.api.replace(holder.manifest()))

    def _remake(self, holder: Entry, *, restored: bool) -> None:
        """The Secret goes and comes again with another uid, maybe from a backup of the old one."""
        api, tenant = self._world.cluster.api, holder.tenant
        old: dict[str, str] = {}

        def read() -> None:
            found = api.get("Secret", tenant.name, tenant.namespace)
            old.update(operator_annotations(found or {"metadata": {}}))

        self._surely(read)
        manifest = holder.manifest()
        if restored:
            manifest["metadata"]["annotations"] |= prefixed(old)
        self._surely(lambda: api.delete("Secret", tenant.name, tenant.namespace))
        self._surely(lambda: api.apply(manifest))

    def _touch(self, entry: Entry) -> None:
        change = {"metadata": {"annotations": {"example.com/touched": secrets.token_hex(4)}}}
        api, tenant = self._world.cluster.api, entry.tenant
        self._surely(lambda: api.merge("Secret", tenant.name, tenant.namespace, change))

    def _apply(self, entry: Entry) -> None:
        self._surely(lambda: self._world.cluster.api.apply(entry.manifest()))


def _other(holder: Entry) -> str:
    """The namespace that the holder is not in."""
    (other,) = set(NAMESPACES) - {holder.tenant.namespace}
    return other


def _filler() -> dict[str, str]:
    """What makes a Secret heavy and means nothing."""
    return {"filler": b64encode(secrets.token_bytes(HEAVY_BYTES)).decode()}
