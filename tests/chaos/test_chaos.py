"""One round, and whether the auditor sees what is wrong when something is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.chaos.audit import KEEPSAKE
from tests.chaos.leaks import leaks
from tests.chaos.ledger import CANARY, Entry, Kind, Role
from tests.chaos.objects import Objects
from tests.chaos.run import Run
from tests.chaos.world import running_world
from tests.e2e.stack import Programs, operator_annotations, prefixed
from tests.servers.require import require, require_metacontroller

pytestmark = pytest.mark.e2e

SEED = 1
SECRETS = 16


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run after its first round."""
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    with running_world(programs, tmp_path_factory.mktemp("chaos"), seed=SEED) as world:
        made = Run(world, SECRETS, SEED)
        assert made.settle_in() == []
        made.round()
        yield made


def test_a_round_loses_nothing(run: Run) -> None:
    (this,) = run.rounds
    assert this.findings == [], f"seed {SEED}"
    assert run.missing() == []
    assert this.calls > 100
    assert run.reasons()["ClockSkew"] > 0
    assert len(run.ledger.live(Kind.VALID)) == SECRETS
    # All that befalls those who hold something did, and each still holds it.
    assert {entry.role for entry in run.ledger.live(Kind.HOLDER)} == set(Role)
    for attack in (
        "heavy contender",
        "contender",
        "pair copied",
        "bucket vanished",
        "metadata stripped",
        "made again",
    ):
        assert run.tenants.made[attack] > 0
    # What was left behind was deleted afterwards, and nothing else.
    named = {
        entry.tenant.access_key
        for entry in run.ledger.entries
        if entry.live and entry.kind is not Kind.INVALID
    }
    assert run.tenants.made["new user"] > 0
    assert run.ledger.users == named
    assert {entry.tenant.access_key for entry in run.ledger.live(Kind.VALID)} <= set(
        run.world.store.users()
    )


# Each does to the store or the cluster what must never happen: what, and what is said of it.
Damage = Callable[[Run, Entry, Objects], str]


def stray_user(run: Run, _: Entry, __: Objects) -> str:
    run.world.store.create_user("stray", "not-asked-for")
    return "the user stray is on the store and no Secret asked for it"


def stray_bucket(run: Run, _: Entry, __: Objects) -> str:
    run.world.store.create_bucket("stray-bucket")
    return "the bucket stray-bucket is on the store and no Secret asked for it"


def other_owner(run: Run, entry: Entry, _: Objects) -> str:
    run.world.store.change_owner(entry.tenant.bucket, None)
    return f"the bucket {entry.tenant.bucket} is {run.world.store.access_key}'s"


def other_secret(run: Run, entry: Entry, _: Objects) -> str:
    run.world.store.set_secret(entry.tenant.access_key, "another")
    return "is Ready and its credentials may not write: SignatureDoesNotMatch"


def lost_object(_: Run, entry: Entry, objects: Objects) -> str:
    assert objects.delete(entry.tenant.bucket, KEEPSAKE, entry.tenant.credentials) == ""
    return f"the object in the bucket {entry.tenant.bucket} is lost or changed: NoSuchKey"


def changed_object(_: Run, entry: Entry, objects: Objects) -> str:
    assert objects.put(entry.tenant.bucket, KEEPSAKE, b"", entry.tenant.credentials) == ""
    return f"the object in the bucket {entry.tenant.bucket} is lost or changed: changed"


def lost_connection(run: Run, _: Entry, __: Objects) -> str:
    entry = next(entry for entry in run.ledger.live(Kind.VALID) if entry.connection)
    assert entry.connection is not None
    run.world.cluster.api.delete("Secret", entry.connection, entry.tenant.namespace)
    return f"/{entry.tenant.name} has no connection Secret"


def lost_contest(run: Run, entry: Entry, _: Objects) -> str:
    contest = next(contest for contest in run.ledger.contests if contest.what == "bucket")
    assert contest.holder is not None
    run.world.store.change_owner(contest.holder.tenant.bucket, entry.tenant.access_key)
    return f"is Ready and its bucket {entry.tenant.access_key}'s"


def attacker(run: Run, kind: Kind) -> tuple[Entry, Entry]:
    """One of those who are after what another holds, and that other."""
    entry = run.ledger.live(kind)[0]
    assert entry.holder is not None
    return entry, entry.holder


def annotate(run: Run, entry: Entry, name: str, value: str | None) -> None:
    change = {"metadata": {"annotations": prefixed({name: value})}}
    run.world.cluster.api.merge("Secret", entry.tenant.name, entry.tenant.namespace, change)


def contender_owns(run: Run, _: Entry, __: Objects) -> str:
    contender, holder = attacker(run, Kind.CONTENDER)
    run.world.store.create_user(*contender.tenant.credentials)
    run.world.store.change_owner(holder.tenant.bucket, contender.tenant.access_key)
    return f"the bucket {holder.tenant.bucket} is {contender.tenant.access_key}'s and has to be"


def contender_is_ready(run: Run, _: Entry, __: Objects) -> str:
    contender, holder = attacker(run, Kind.CONTENDER)
    annotate(run, contender, "status", "Ready")
    held_by = f"{holder.tenant.namespace}/{holder.tenant.name}"
    return f"/{contender.tenant.name} contends for what {held_by} holds, and is Ready"


def copy_owns(run: Run, _: Entry, __: Objects) -> str:
    copy, holder = attacker(run, Kind.COPY)
    found = run.world.cluster.api.get("Secret", holder.tenant.name, holder.tenant.namespace)
    assert found is not None
    annotate(run, copy, "grants", operator_annotations(found)["grants"])
    return f"/{copy.tenant.name} has as its own what"


def holder_has_nothing(run: Run, _: Entry, __: Objects) -> str:
    holder = run.ledger.live(Kind.HOLDER)[0]
    annotate(run, holder, "grants", None)
    return f"/{holder.tenant.name} is Ready/Provisioned and holds its user and bucket as [None"


def vanished_bucket(run: Run, _: Entry, objects: Objects) -> str:
    holder = next(each for each in run.ledger.live(Kind.HOLDER) if each.role is Role.VANISHING)
    assert objects.delete_bucket(holder.tenant.bucket, holder.tenant.credentials) == ""
    return f"/{holder.tenant.name} is Ready and its credentials may not write: NoSuchBucket"


@pytest.mark.parametrize(
    "damage",
    [
        stray_user,
        stray_bucket,
        other_owner,
        other_secret,
        lost_object,
        changed_object,
        lost_connection,
        lost_contest,
        contender_is_ready,
        contender_owns,
        copy_owns,
        holder_has_nothing,
        vanished_bucket,
    ],
)
def test_the_auditor_sees_damage(run: Run, damage: Damage) -> None:
    dice = random.Random(damage.__name__)
    entry = dice.choice([each for each in run.ledger.live(Kind.VALID) if each.may_hold_objects])
    # Nobody mends it meanwhile.
    run.world.metacontroller.stop()
    try:
        with closing(Objects(run.world.store, 1)) as objects:
            expected = damage(run, entry, objects)
            findings = run.auditor.audit()
        assert any(expected in finding for finding in findings), findings
    finally:
        run.world.metacontroller.process.start()


def test_a_credential_is_seen_where_it_must_not_be(run: Run) -> None:
    assert leaks(run.world) == []
    entry = run.ledger.live(Kind.VALID)[0]
    change = {"metadata": {"annotations": {"example.com/copied": entry.tenant.secret}}}
    assert entry.tenant.secret.startswith(CANARY)
    run.world.cluster.api.merge("Secret", entry.tenant.name, entry.tenant.namespace, change)
    try:
        assert leaks(run.world) == [f"a credential is to be seen in the Secret {entry.tenant.name}"]
    finally:
        change["metadata"]["annotations"]["example.com/copied"] = None  # type: ignore[assignment]
        run.world.cluster.api.merge("Secret", entry.tenant.name, entry.tenant.namespace, change)
