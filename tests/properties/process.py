"""A process of the hook that is called, that meets faults, and that is killed."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from backends import errors
from hooks import finalizer, reconcile, syncer, takeover
from hooks.decorator import SyncRequest
from hooks.kubeerrors import Unavailable
from hooks.metrics import Metrics
from hooks.operator import Operator
from hooks.settings import Settings
from hooks.syncer import Result
from hooks.takeover import Adoption
from tests.properties.cluster import ENDPOINT, Secrets
from tests.properties.stepwise import StepwiseStore
from tests.support import ENVIRON, wait

Fault = tuple[int, str, type[BaseException]] | None
"""At which step of the store, ``before`` or ``after`` it is done, and what is raised."""


class Killed(BaseException):
    """The hook's process is gone, in the middle of a call."""


class Clock(datetime):
    """Goes on by a second with each call: grants count in seconds."""

    present = datetime(2026, 11, 24, 18, tzinfo=UTC)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        return cls.fromisoformat(Clock.present.isoformat())


class Seconds:
    """The `time` module for those who tell it to others; what is measured goes on."""

    monotonic = staticmethod(time.monotonic)
    perf_counter = staticmethod(time.perf_counter)

    @staticmethod
    def time() -> float:
        return Clock.present.timestamp()


def stop_clocks(patch: pytest.MonkeyPatch, clock: type[datetime] = Clock) -> None:
    """Nothing that is written on a Secret tells the real time any more."""
    for module in (syncer, finalizer):
        patch.setattr(module, "datetime", clock)
    for module in (syncer, takeover, reconcile):
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


class Process:
    """The hook without HTTP; when it is killed, the next one takes its place.

    Args:
        store: whose steps may fail.
        kube: the Secrets.
        guarded: whether the conflict guard and the deletion are on.
        adoption: the setting.
    """

    def __init__(
        self, store: StepwiseStore, kube: Secrets, *, guarded: bool, adoption: Adoption
    ) -> None:
        switch = "on" if guarded else "off"
        environ = {
            **ENVIRON,
            "S3_ENDPOINT_URL": ENDPOINT,
            "ADOPTION": adoption.value,
            "CONFLICT_GUARD": switch,
            "DELETION": switch,
            "ALLOWED_ROLES": "user,userplus",
            "SYNC_TIMEOUT_SECONDS": "30",
        }
        self.settings = Settings.load(environ)
        self.store, self.kube = store, kube
        self.start()

    def start(self) -> None:
        """One that knows nothing of the one before."""
        self.operator = Operator.build(self.settings, self.store, Metrics(), self.kube)

    def call(
        self, request: SyncRequest, fault: Fault, *, deaf: bool, finalize: bool = False
    ) -> Result | None:
        """One call of a hook.

        Args:
            request: what is shown.
            fault: of the store; None for none.
            deaf: whether Kubernetes answers nothing.
            finalize: calls the finalize hook instead of the sync hook.

        Returns:
            None if the process was killed before it answered.
        """
        Clock.present += timedelta(seconds=1)
        steps = itertools.count(1)
        step = 0

        def before(operation: str) -> None:
            nonlocal step
            step = next(steps)
            fail("before")

        def fail(when: str) -> None:
            if fault is not None and (step, when) == fault[:2]:
                kind = fault[2]
                raise kind() if kind is Killed else kind("The store has a fault.")

        self.store.before, self.store.after = before, lambda operation: fail("after")
        self.kube.fault = Unavailable("The API has a fault.") if deaf else None
        hook = self.operator.finalizer.finalize if finalize else self.operator.syncer.sync
        try:
            result = wait(hook(request))
        except Killed:
            self.start()
            return None
        finally:
            self.store.before = self.store.after = lambda operation: None
            self.kube.fault = None
        if fault is not None and fault[2] is Killed and fault[0] > step:
            # Killed when all was done: the answer never arrives.
            self.start()
            return None
        return result
