"""The rounds of a run: faults, recovery, a rolling restart, an audit."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from hooks.commands.processes import wait_until
from tests.chaos import disruptions, proxy, rolling
from tests.chaos.audit import Auditor, not_settled, secrets_of
from tests.chaos.changes import Tenants
from tests.chaos.disruptions import Disruptions
from tests.chaos.leaks import bugs, leaks
from tests.chaos.ledger import Entry, Kind, Ledger
from tests.chaos.world import World
from tests.e2e.stack import operator_annotations

CLASSES = (*proxy.CLASSES, *disruptions.CLASSES, rolling.RESTARTED)

_RATE = 0.25
_STORM_SECONDS = 18.0
_FIRST_SHARE = 0.5
_SKEWED = 3
_UNDER_LOAD = 10


@dataclass
class Round:
    """What one round came to; times in seconds.

    Attributes:
        recovery: from the last fault until all that is not contended for was seen to be Ready by
            itself, for which the run looks the less often the more Secrets there are.
        again: broken connections of the rolling restart that a second try hid.
    """

    number: int
    changes: int = 0
    faults: int = 0
    storm: float = 0
    recovery: float = 0
    calls: int = 0
    again: int = 0
    checked: int = 0
    findings: list[str] = field(default_factory=list)


class Run:
    """A run of any number of rounds.

    Args:
        world: the servers.
        count: Secrets that live at the end of the first round, and of each later one.
        seed: of everything that is left to chance.
        say: told what is being done.
    """

    def __init__(
        self, world: World, count: int, seed: int, say: Callable[[str], None] = lambda _: None
    ) -> None:
        dice = random.Random(seed)
        self.world = world
        self.ledger = Ledger(random.Random(dice.random()))
        self.tenants = Tenants(world, self.ledger, random.Random(dice.random()))
        self.disruptions = Disruptions(world, random.Random(dice.random()))
        self.auditor = Auditor(world, self.ledger, random.Random(dice.random()))
        self.rounds: list[Round] = []
        self.rolled = 0
        self._count = count
        self._say = say
        # Each new user makes VersityGW read and write its whole list of users.
        self._patience = 60 + count / 4

    @property
    def seen(self) -> Counter[str]:
        """How often each class of faults has happened so far."""
        every = self.world.proxy.injected + self.disruptions.seen
        every[rolling.RESTARTED] = self.rolled
        return every

    def settle_in(self) -> list[str]:
        """A first part of the Secrets, made while nothing fails, so that something can be lost."""
        self.tenants.settle_in(max(1, round(self._count * _FIRST_SHARE)))
        self._wait(contests=True)
        return self.auditor.audit()

    def round(self) -> Round:
        """One round; its findings say what was wrong at its end."""
        this = Round(len(self.rounds) + 1)
        self.rounds.append(this)
        before, made = self.seen.total(), self.tenants.made.total()
        started = time.monotonic()
        this.findings += self._skew()
        self._say("faults")
        self._storm()
        this.storm = time.monotonic() - started
        this.faults = self.seen.total() - before
        this.changes = self.tenants.made.total() - made
        self._say("recovery")
        started = time.monotonic()
        self.world.mend()
        this.findings += self._wait(contests=False)
        this.recovery = time.monotonic() - started
        self._say("rolling restart")
        self._roll(this)
        self._say("audit")
        # Drift and contests: the periodic sync, which is every 300 s, brought forward.
        self.world.resynced(len(self.ledger.live(Kind.VALID)))
        this.findings += self._wait(contests=True)
        this.findings += self.auditor.audit()
        this.findings += [*leaks(self.world), *bugs(self.world), *self.world.proxy.errors]
        this.checked = self.auditor.looked_at
        if not this.findings:
            self._clean_up()
        return this

    def missing(self) -> list[str]:
        """Which classes of faults never happened."""
        return [kind for kind in CLASSES if not self.seen[kind]]

    def reasons(self) -> Counter[str]:
        """What the hooks told of Secrets that were not Ready, by their logs."""
        told: Counter[str] = Counter()
        for hook in self.world.hooks:
            for line in hook.process.log_text().splitlines():
                if '"Retrying"' not in line:
                    continue
                try:
                    entry = json.loads(line)
                except ValueError:
                    # Cut short when the hook was killed.
                    continue
                if entry.get("status") == "Retrying":
                    told[entry["reason"]] += 1
        return told

    def _clean_up(self) -> None:
        """Deletes the users that Secrets left behind, as an administrator does.

        Otherwise each round would be slower than the one before: VersityGW reads all its users for
        each request. Their buckets stay, and with them what has to be in them for ever.
        """
        there = self.world.store.users().keys()
        for user in self.ledger.forget_users() & there:
            self.world.store.delete_user(user)

    def _settled(self) -> list[Entry]:
        return [
            entry
            for entry in self.ledger.live(Kind.VALID)
            if entry.settled and entry.connection is None
        ]

    def _skew(self) -> list[str]:
        """Nothing but wrong times for a moment: the Secrets have to say so."""
        touched = self._settled()[:_SKEWED]
        if not touched:
            return ["no Secret is settled that could tell of a clock skew"]
        self._say("clock skew")
        self.world.proxy.storm(1, proxy.SKEWED)
        self.tenants.touch(touched)
        try:
            wait_until(
                lambda: all(self._reason(entry) == "ClockSkew" for entry in touched),
                timeout=20,
                what="ClockSkew",
            )
        except TimeoutError:
            told = [self._reason(entry) for entry in touched]
            return [f"a store that refuses the time makes Secrets say {told}"]
        finally:
            self.world.proxy.calm()
        return []

    def _reason(self, entry: Entry) -> str:
        found = self.world.cluster.api.get("Secret", entry.tenant.name, entry.tenant.namespace)
        return "" if found is None else operator_annotations(found).get("reason", "")

    def _storm(self) -> None:
        new = max(0, self._count - len(self.ledger.live(Kind.VALID)))
        self.world.proxy.storm(_RATE)
        # The periodic sync falls into it, too.
        self.world.resync()
        changes = self.tenants.storm(new, _STORM_SECONDS + self._count / 100)
        try:
            self.disruptions.all()
            changes.result()
        finally:
            self.world.proxy.calm()

    def _roll(self, this: Round) -> None:
        ready = (
            entry
            for entry in self.ledger.live(Kind.VALID)
            if entry.connection is None and self._reason(entry) == "Provisioned"
        )
        some = list(itertools.islice(ready, _UNDER_LOAD))
        calls = rolling.rolling_restart(self.world, self.tenants, some)
        self.rolled += len(self.world.hooks)
        this.calls, this.again = calls.answers.total(), calls.again
        this.findings += calls.lost

    def _wait(self, *, contests: bool) -> list[str]:
        """Waits until all is as it has to be; what isn't, in the end."""
        wrong: list[str] = []

        def right() -> bool:
            nonlocal wrong
            wrong = not_settled(self.ledger, secrets_of(self.world), contests=contests)
            return not wrong

        # Listing them all takes the CPU from what is waited for.
        interval = 0.5 + self._count / 200
        try:
            wait_until(right, timeout=self._patience, what="all Secrets", interval=interval)
        except TimeoutError as error:
            return [f"{error}: {finding}" for finding in wrong]
        return []
