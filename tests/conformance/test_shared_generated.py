"""A second user whose credentials are generated: made, let in, rotated, and cut short."""

from __future__ import annotations

import contextlib

import pytest

from tests.attended import SIGNING_KEY, Attended, ago, cluster_of
from tests.conformance.subject import Killed, Subject
from tests.conformance.traits import READY
from tests.support import PREFIX, Operator, Secret

SECRET = "a-very-strong-and-long-password"


class Pair:
    """A holder with an object in its bucket, and a guest that it lets in."""

    def __init__(self, subject: Subject, name: str, access: str) -> None:
        self.subject = subject
        self.holder = Secret.claiming(name, f"{name}own", SECRET)
        self.guest = Attended(name)
        self.guest.annotate(access=access)
        annotations = self.holder.document["metadata"]["annotations"]
        annotations[f"{PREFIX}share-with"] = f"team/{name}-s3:{access}"
        self.operator().sync(self.holder)
        assert self.holder.state == READY
        self.bucket = name
        assert subject.put(name, "key", b"body", as_user=(f"{name}own", SECRET)) == ""

    def operator(self, *, writes: int | None = None) -> Operator:
        kube = cluster_of(self.holder, self.guest)
        return self.subject.operator({"SIGNING_KEY": SIGNING_KEY}, writes=writes, kube=kube)

    def reads(self, pair: tuple[str, str]) -> bool:
        return self.subject.get(self.bucket, "key", as_user=pair) == b"body"


def test_generated_credentials_read_and_rotate(subject: Subject, name: str) -> None:
    pair = Pair(subject, name, "read-only")
    before = subject.names()[0]
    pair.guest.settle(pair.operator())
    assert pair.guest.state == READY
    former = pair.guest.pair
    assert pair.reads(former)
    assert subject.put(name, "key", b"other", as_user=former) == "AccessDenied"
    pair.guest.annotate(rotate=ago(5))
    pair.guest.settle(pair.operator())
    assert pair.guest.state == READY
    assert pair.guest.pair != former
    assert pair.reads(pair.guest.pair)
    assert not pair.reads(former)
    assert subject.names()[0] - before == {pair.guest.pair[0]}
    operator = pair.operator()
    pair.guest.sync(operator)
    assert operator.requests() == 1


@pytest.mark.parametrize("writes", [1, 2, 3, 4, 5])
def test_cut_short_anywhere_it_comes_to_the_same(subject: Subject, name: str, writes: int) -> None:
    pair = Pair(subject, name, "read-write")
    before = subject.names()[0]
    with contextlib.suppress(Killed):
        pair.guest.sync(pair.operator(writes=writes))
    pair.guest.settle(pair.operator())
    assert pair.guest.state == READY
    assert subject.put(name, "its", b"its", as_user=pair.guest.pair) == ""
    assert subject.names()[0] - before == {pair.guest.pair[0]}
    assert subject.owner(name) == f"{name}own"
    del pair.holder.document["metadata"]["annotations"][f"{PREFIX}share-with"]
    pair.operator().sync(pair.holder)
    assert pair.holder.state == READY
    assert not pair.reads(pair.guest.pair)
