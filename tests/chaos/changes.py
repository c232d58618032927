"""What tenants do while everything fails: make, rotate, rename, touch and delete Secrets."""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import urllib3

from hooks.commands.processes import wait_until
from tests.chaos.attacks import Attacks
from tests.chaos.ledger import Entry, Kind, Ledger
from tests.chaos.world import NAMESPACES, World
from tests.servers.api import ApiError

Change = tuple[str, Callable[[], None]]

_WORKERS = 6
_API_SECONDS = 90.0
# How many holders of each kind there are at most, and one for so many Secrets.
_SETS = 5
_PER_SET = 50
# Of the entries that are settled, in a round.
_SHARES = {
    "rotated": 0.12,
    "rotated twice": 0.05,
    "new bucket": 0.05,
    "new user": 0.06,
    "both new": 0.04,
    "touched": 0.12,
    "deleted": 0.07,
}
_POLICIES = (None, None, "delete-user", "delete")
_INVALID: tuple[dict[str, str], ...] = (
    {"bucket-name": "No Bucket's Name"},
    {"role": "admin"},
    {"user-id": "-1"},
)


class Tenants:
    """Makes the changes of a run, and writes each down in the ledger first.

    Args:
        world: where.
        ledger: what was asked for.
        dice: what is changed, and when.

    Attributes:
        made: how often each kind of change was made.
        repeated: calls to the Kubernetes API that had to be made again.
    """

    def __init__(self, world: World, ledger: Ledger, dice: random.Random) -> None:
        self.made: Counter[str] = Counter()
        self.repeated = 0
        self._world = world
        self._ledger = ledger
        self._dice = dice
        self._attacks = Attacks(world, ledger, dice, self._surely)

    def settle_in(self, count: int) -> None:
        """Make Secrets while nothing fails; and those that are never to come to anything.

        Args:
            count: how many; those that others will be after come besides.
        """
        jobs = self._new(count) + self._attacks.holders(min(_SETS, 1 + count // _PER_SET))
        for more in _INVALID:
            entry = self._ledger.new(NAMESPACES[0], Kind.INVALID)
            entry.more = dict(more)
            jobs.append(("invalid", partial(self._apply, entry)))
        self._work(jobs, 0).result()

    def storm(self, new: int, seconds: float) -> Future[None]:
        """A round's changes, spread over some time; done when the API has taken them all.

        Args:
            new: how many Secrets to make, besides one for each that is deleted.
            seconds: how long.
        """
        jobs = self._on_settled()
        gone = sum(kind == "deleted" for kind, _ in jobs)
        jobs += self._new(new + gone)
        jobs += self._attacks.storm()
        self._dice.shuffle(jobs)
        for what in ("bucket", "access_key"):
            # Both at the same moment.
            place = self._dice.randrange(len(jobs) + 1)
            jobs[place:place] = self._contest(what)
        jobs += self._end_contests()
        return self._work(jobs, seconds)

    def touch(self, entries: Sequence[Entry]) -> None:
        """A change that means nothing, so that they are synced."""
        for entry in entries:
            self._touch(entry)

    def _new(self, count: int) -> list[Change]:
        jobs: list[Change] = []
        for number in range(count):
            entry = self._ledger.new(
                self._dice.choice(NAMESPACES),
                deletion=self._dice.choice(_POLICIES),
                connection=f"connection-{secrets.token_hex(4)}" if number % 4 == 0 else None,
            )
            jobs.append(("made", partial(self._apply, entry)))
        return jobs

    def _on_settled(self) -> list[Change]:
        settled = [entry for entry in self._ledger.live(Kind.VALID) if entry.settled]
        self._dice.shuffle(settled)
        ways: dict[str, Callable[[Entry], None]] = {
            "rotated": partial(self._change, secret=True),
            "rotated twice": self._rotate_twice,
            "new bucket": partial(self._change, bucket=True),
            "new user": partial(self._change, user=True),
            "both new": partial(self._change, bucket=True, user=True),
            "touched": self._touch,
            "deleted": self._delete,
        }
        jobs: list[Change] = []
        for kind, share in _SHARES.items():
            for _ in range(max(1, round(share * len(settled)))):
                if len(settled) > len(jobs):
                    jobs.append((kind, partial(ways[kind], settled[len(jobs)])))
        return jobs

    def _contest(self, what: str) -> list[Change]:
        contest = self._ledger.contest(what, NAMESPACES)
        return [("contested", partial(self._apply, entry)) for entry in contest.entries]

    def _end_contests(self) -> list[Change]:
        """One holder goes, so that the other Secret has to get what it held."""
        for contest in self._ledger.contests:
            if contest.holder is not None and all(entry.settled for entry in contest.entries):
                return [("holder deleted", partial(self._delete, contest.holder))]
        return []

    def _work(self, jobs: Sequence[Change], seconds: float) -> Future[None]:
        pause = seconds / max(len(jobs), 1)

        def work() -> None:
            with ThreadPoolExecutor(_WORKERS) as pool:
                running = []
                for kind, job in jobs:
                    running.append(pool.submit(job))
                    self.made[kind] += 1
                    time.sleep(pause)
                for one in running:
                    one.result()

        outer = ThreadPoolExecutor(1)
        future = outer.submit(work)
        outer.shutdown(wait=False)
        return future

    def _change(
        self, entry: Entry, *, secret: bool = False, bucket: bool = False, user: bool = False
    ) -> None:
        self._ledger.change(entry, secret=secret, bucket=bucket, user=user)
        self._apply(entry)

    def _rotate_twice(self, entry: Entry) -> None:
        self._change(entry, secret=True)
        self._change(entry, secret=True)

    def _touch(self, entry: Entry) -> None:
        change = {"metadata": {"annotations": {"example.com/touched": secrets.token_hex(4)}}}
        api, tenant = self._world.cluster.api, entry.tenant
        self._surely(lambda: api.merge("Secret", tenant.name, tenant.namespace, change))

    def _apply(self, entry: Entry) -> None:
        self._surely(lambda: self._world.cluster.api.apply(entry.manifest()))

    def _delete(self, entry: Entry) -> None:
        self._ledger.delete(entry)
        api, tenant = self._world.cluster.api, entry.tenant
        self._surely(lambda: api.delete("Secret", tenant.name, tenant.namespace))

    def _surely(self, call: Callable[[], object]) -> None:
        """Tries until the Kubernetes API, or the store, has done it: both are restarted."""
        tries = 0

        def done() -> bool:
            nonlocal tries
            tries += 1
            try:
                call()
            except (ApiError, urllib3.exceptions.HTTPError):
                return False
            return True

        wait_until(done, timeout=_API_SECONDS, what="a tenant's change", interval=0.3)
        self.repeated += tries - 1
