"""Two hooks behind one address, which give the same things at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hooks.commands.processes import wait_until
from tests.chaos.balancer import Balancer
from tests.e2e.application import using
from tests.e2e.calls import call
from tests.e2e.conftest import Places
from tests.e2e.rivals import OWN, holds, state, tenant_of
from tests.e2e.stack import Stack, Tenant
from tests.servers.decorator import decorator, install
from tests.servers.hook import Hook, running_hook

pytestmark = pytest.mark.e2e

TRIES = 4


@dataclass
class Replicas:
    """A stack whose Metacontroller calls two hooks in turn."""

    stack: Stack
    hooks: tuple[Hook, Hook]
    balancer: Balancer
    revisions: Iterator[int]

    def sync_all(self) -> None:
        """Have every Secret synced once more, by the one or the other, and wait for it."""
        before = self._syncs()
        revision = next(self.revisions)
        install(
            self.stack.cluster,
            decorator(self.balancer.url, revision=revision),
            self.stack.hook.token,
        )
        wait_until(lambda: self._syncs() > before, timeout=20, what="a sync of every Secret")
        self.stack.settle()

    def sync(self, hook: Hook, tenant: Tenant) -> None:
        """Has one hook called for a Secret, and its answer written down, as Metacontroller does."""
        secret = self.stack.observed(tenant)
        answer = call(hook, self.stack.hook.token, secret)
        marks = {key: answer[key] for key in ("annotations", "labels")}
        change = {"metadata": marks}
        self.stack.cluster.api.merge("Secret", tenant.name, tenant.namespace, change)

    def _syncs(self) -> int:
        return sum(hook.syncs() for hook in self.hooks)


@contextmanager
def two_hooks(stack: Stack, directory: Path, **settings: str) -> Iterator[Replicas]:
    """Within, there are two; the second is given these settings besides."""
    env = stack.hook.process.env
    assert env is not None
    kept = {key: value for key, value in env.items() if key not in {"HOOK_PORT", "METRICS_PORT"}}
    with ExitStack() as running:
        second = running.enter_context(
            running_hook(stack.s3, directory / "second", settings={**kept, **settings})
        )
        hooks = (stack.hook, second)
        balancer = Balancer([hook.port for hook in hooks])
        running.callback(balancer.close)
        replicas = Replicas(stack, hooks, balancer, itertools.count(1_000_000))
        try:
            yield replicas
        finally:
            stack.sync_all()
            stack.settle()


def test_two_that_adopt_one_bucket_at_once_leave_one_owner(
    every_stack: Stack, places: Places, tmp_path: Path
) -> None:
    """Where a bucket can have several owners, each sees its own change done."""
    stack = every_stack
    mine, theirs = places(stack, "mine"), places(stack, "theirs")
    pairs = []
    for number in range(TRIES):
        one = tenant_of(stack, mine, f"one-{number}")
        other = replace(tenant_of(stack, theirs, f"other-{number}"), bucket=one.bucket)
        stack.s3.create_bucket(one.bucket)
        pairs.append((one, other))
    with two_hooks(stack, tmp_path) as replicas:
        stack.metacontroller.stop()
        try:
            for pair in pairs:
                for tenant in pair:
                    stack.put(tenant)
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(replicas.sync, replicas.hooks, pair))
        finally:
            stack.metacontroller.restart()
        replicas.sync_all()

        def decided() -> bool:
            for one, two in pairs:
                states = {state(stack, one)[0]: one, state(stack, two)[0]: two}
                if states.keys() != {"Ready", "Conflict"}:
                    return False
                # A call that began before the winner's grant was there gives the bucket to the
                # loser for as long as it takes to ask again, and takes it back.
                if stack.s3.owner(one.bucket) != states["Ready"].access_key:
                    return False
            return True

        def decided_in_the_end() -> bool:
            # Who has lost it is told at its next sync, which the periodic one is otherwise.
            if not decided():
                replicas.sync_all()
            return decided()

        wait_until(decided_in_the_end, timeout=180, what="one owner for each bucket", interval=0.5)
        replicas.sync_all()
        wait_until(decided, timeout=30, what="it to stay so", interval=0.5)
        for one, two in pairs:
            winner, loser = (one, two) if state(stack, one)[0] == "Ready" else (two, one)
            assert stack.s3.owner(winner.bucket) == winner.access_key
            assert stack.works(winner)
            assert not stack.works(loser)
            assert holds(stack, winner) == OWN
            assert "own" not in holds(stack, loser)[1:]


def test_replicas_of_different_keys_do_not_write_over_one_another(
    every_stack: Stack, places: Places, tmp_path: Path
) -> None:
    """As while a new SIGNING_KEY is rolled out to one after the other."""
    stack = every_stack
    tenant = stack.provision(tenant_of(stack, places(stack, "mine")))
    stack.settle(quiet=0.3)
    # It keeps the key of what was signed before, or none of it.
    for number, kept in enumerate((f"\n{stack.hook.signing_key}", "")):
        key = f"another-signing-key-{number}{kept}"
        with two_hooks(stack, tmp_path / str(number), SIGNING_KEY=key) as replicas:
            replicas.sync_all()
            version = stack.resource_version(tenant)
            asked = [hook.syncs() for hook in replicas.hooks]
            with using(stack, tenant):
                for _ in range(4):
                    replicas.sync_all()
                for hook in replicas.hooks:
                    replicas.sync(hook, tenant)
            assert stack.resource_version(tenant) == version
            assert all(
                hook.syncs() > before for hook, before in zip(replicas.hooks, asked, strict=True)
            )
            assert state(stack, tenant) == ("Ready", "Provisioned")
