"""`sync --dry-run` foretells what becomes of a shared bucket, and shares nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import pytest

from hooks.commands.rehearsal import Rehearsal
from hooks.contract.outcome import Action
from tests.conformance.subject import Subject
from tests.properties.cluster import Slot
from tests.support import Operator
from tests.tenancy.ground import HOLDER, STRANGER
from tests.tenancy.sharing import SharedGround

SECRET = "a-very-strong-and-long-password"
Step = Callable[["Ground"], Slot]
Told = tuple[str, str, tuple[Action, ...]]


@dataclass
class Ground(SharedGround):
    """Secrets in memory, whose names begin with a test's own."""

    prefix: str = ""

    def make(self, slot: Slot, user: str, secret: str, bucket: str = "", **more: str) -> None:
        super().make(slot, self.prefix + user, secret, bucket or self.prefix, **more)


def _hold(ground: Ground) -> Slot:
    ground.make(HOLDER, "own", SECRET)
    ground.annotate(HOLDER, **{"share-with": "theirs/stranger"})
    return HOLDER


def _want(ground: Ground) -> Slot:
    ground.make(STRANGER, "guest", SECRET)
    ground.annotate(STRANGER, access="read-only")
    return STRANGER


def _let_write(ground: Ground) -> Slot:
    ground.annotate(HOLDER, **{"share-with": "theirs/stranger:read-write"})
    return HOLDER


def _want_more(ground: Ground) -> Slot:
    ground.annotate(STRANGER, access="read-write")
    return STRANGER


def _end(ground: Ground) -> Slot:
    ground.annotate(HOLDER, **{"share-with": None})
    return HOLDER


def _ask_again(_: Ground) -> Slot:
    return STRANGER


STORY: Sequence[Step] = (_hold, _want, _let_write, _want_more, _end, _ask_again)


def _lived(ground: Ground, steps: Sequence[Step]) -> list[Told]:
    told: list[Told] = []
    for step in steps:
        outcome = ground.call(step(ground)).outcome
        assert outcome is not None
        told.append((outcome.reason, outcome.message, outcome.actions))
    return told


@pytest.mark.parametrize("lived", [0, 2, 4])
def test_every_step_is_foretold(subject: Subject, name: str, lived: int) -> None:
    environ = {"DELETION": "on"}
    real, foretold = Ground(prefix=name), Ground(prefix=name)
    real.operator = subject.operator(environ, kube=real.kube)
    _lived(real, STORY[:lived])
    foretold.kube.documents.update(deepcopy(real.kube.documents))
    foretold.operator = Operator(
        Rehearsal(subject.backend()), real.operator.environ, kube=foretold.kube
    )
    before = subject.names()
    told = _lived(foretold, STORY[lived:])
    assert subject.names() == before
    if lived:
        # Neither more nor less than before.
        guest = (f"{name}guest", SECRET)
        written = "" if lived == 4 else "AccessDenied"
        assert subject.put(name, "key", b"body", as_user=guest) == written
    assert told == _lived(real, STORY[lived:])
    reasons = [reason for reason, _, _ in told]
    assert reasons == [*["Provisioned"] * (5 - lived), "NotShared"]
