"""A process of the hook that is called, that meets faults, and that is killed."""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from backends import errors
from hooks.claim.adoption import Adoption
from hooks.cluster.kubeerrors import Unavailable
from hooks.contract.decorator import SyncRequest
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync import finalizer, reconcile, syncer
from hooks.sync.operator import Operator
from hooks.sync.syncer import Result
from hooks.tenancy import holdings, others, reading
from tests.properties.cluster import ENDPOINT, Secrets
from tests.properties.stepwise import StepwiseStore
from tests.support import ENVIRON

Fault = tuple[int, str, type[BaseException]] | None
"""At which step of the store, ``before`` or ``after`` it is done, and what is raised."""


Meanwhile = tuple[int, Callable[[], None]]
"""Before which step of the store, and what happens then."""


class Killed(BaseException):
    """The hook's process is gone, in the middle of a call."""


class Clock(datetime):
    """Goes on by a second with each call: grants count in seconds."""

    present = datetime(2026, 11, 24, 18, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        return cls.fromisoformat(Clock.present.isoformat())


class Seconds:
    """The `time` module for those who tell it to others, or remember something for a while."""

    perf_counter = staticmethod(time.perf_counter)

    @staticmethod
    def time() -> float:
        return Clock.present.timestamp()

    monotonic = time


def stop_clocks(patch: pytest.MonkeyPatch, clock: type[datetime] = Clock) -> None:
    """Nothing that is written on a Secret tells the real time any more."""
    for module in (syncer, finalizer):
        patch.setattr(module, "datetime", clock)
    for module in (syncer, holdings, reconcile, others, reading):
        patch.setattr(module, "time", Seconds)


FAULTS: list[type[BaseException]] = [
    errors.Unavailable,
    errors.BrokenConnection,
    errors.TimedOut,
    errors.ServerFault,
    errors.CredentialsRejected,
    errors.Misconfigured,
    errors.ClockSkew,
    errors.NotEmpty,
    errors.Rejected,
    errors.Unsupported,
    Killed,
]


@dataclass(frozen=True, slots=True)
class Setup:
    """How the processes are set up.

    Args:
        guarded: whether the conflict guard and the deletion are on.
        adoption: the setting.
        keys: SIGNING_KEY, one a line.
    """

    guarded: bool
    adoption: Adoption
    keys: tuple[str, ...]

    def settings(self) -> Settings:
        """What the operator reads of it."""
        switch = "on" if self.guarded else "off"
        environ = {
            **ENVIRON,
            "S3_ENDPOINT_URL": ENDPOINT,
            "ADOPTION": self.adoption.value,
            "CONFLICT_GUARD": switch,
            "DELETION": switch,
            "ALLOWED_ROLES": "user,userplus",
            "SYNC_TIMEOUT_SECONDS": "30",
            "SIGNING_KEY": "\n".join(self.keys),
        }
        return Settings.load(environ)


class Process:
    """The hook without HTTP; when it is killed, the next one takes its place.

    Args:
        name: of the replica, each of which has an event loop of its own.
        store: whose steps may fail.
        kube: the Secrets.
        setup: how it is set up.
    """

    def __init__(self, name: str, store: StepwiseStore, kube: Secrets, setup: Setup) -> None:
        self.name, self.store, self.kube, self.setup = name, store, kube, setup
        self.start()

    def start(self, setup: Setup | None = None) -> None:
        """One that knows nothing of the one before.

        Args:
            setup: how it is set up from now on; None as before.
        """
        self.setup = setup or self.setup
        self.settings = self.setup.settings()
        self.operator = Operator.build(self.settings, self.store, Metrics(), self.kube)

    def call(
        self,
        request: SyncRequest,
        fault: Fault,
        *,
        deaf: bool,
        finalize: bool = False,
        meanwhile: Meanwhile | None = None,
    ) -> Result | None:
        """One call of a hook.

        Args:
            request: what is shown.
            fault: of the store; None for none.
            deaf: whether Kubernetes answers nothing.
            finalize: calls the finalize hook instead of the sync hook.
            meanwhile: at which step something else happens, and what: another replica's call.

        Returns:
            None if the process was killed before it answered.
        """
        Clock.present += timedelta(seconds=1)
        steps = itertools.count(1)
        step = 0

        def before(operation: str) -> None:
            nonlocal step
            step = next(steps)
            if meanwhile is not None and step == meanwhile[0]:
                meanwhile[1]()
            fail("before")

        def fail(when: str) -> None:
            if fault is not None and (step, when) == fault[:2]:
                kind = fault[2]
                raise kind() if kind is Killed else kind("The store has a fault.")

        outer = self.store.before, self.store.after, self.kube.fault
        self.store.before, self.store.after = before, lambda operation: fail("after")
        self.kube.fault = Unavailable("The API has a fault.") if deaf else None
        hook = self.operator.finalizer.finalize if finalize else self.operator.syncer.sync
        try:
            result = asyncio.run_coroutine_threadsafe(hook(request), _loop(self.name)).result()
        except Killed:
            self.start()
            return None
        finally:
            self.store.before, self.store.after, self.kube.fault = outer
        if fault is not None and fault[2] is Killed and fault[0] > step:
            # Killed when all was done: the answer never arrives.
            self.start()
            return None
        return result


@functools.cache
def _loop(name: str) -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name=f"replica-{name}", daemon=True).start()
    return loop
