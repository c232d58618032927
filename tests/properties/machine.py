"""The machine: edits, drift, faults and calls in any order, and what holds after each of them."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from backends.wire.sensitive import Sensitive
from hooks.claim.adoption import Adoption
from hooks.claim.secret import InvalidSecret, read
from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grants
from hooks.contract.status import REST
from hooks.sync.syncer import Result
from hooks.tenancy.standing import Thing
from tests.model import ADMINISTRATOR, Account
from tests.properties.cluster import Secrets, Seen, Slot
from tests.properties.contract import check_answer, told
from tests.properties.events import (
    SECRETS,
    SLOTS,
    TENANTS,
    Fields,
    buckets,
    calls,
    extras,
    faults,
    policies,
    secrets,
    slots,
    tenants,
    users,
)
from tests.properties.oracle import Ledger, Oracle, Snapshot
from tests.properties.process import Clock, Fault, Process, Setup, stop_clocks
from tests.properties.stepwise import StepwiseStore
from tests.support import PREFIX, encode

# The steps of rotations, one after the other and then from the start: the first key signs.
KEYS = [("a",), ("a", "b"), ("b", "a"), ("b",), ("b", "a"), ("a", "b")]
FORGED = {
    f"{PREFIX}grant": "v1.1999999999." + "A" * 43,
    f"{PREFIX}grants": "v2.e30." + "A" * 43,
}
# Syncs of each Secret until nothing changes any more, if nothing else does.
ROUNDS = 4


class Reconciling(RuleBasedStateMachine):
    """A few Secrets, buckets and users, and two administrators."""

    @initialize(
        guarded=some.sampled_from([True, True, False]),
        adoption=some.sampled_from(Adoption),
        names_owners=some.booleans(),
    )
    def begin(self, guarded: bool, adoption: Adoption, names_owners: bool) -> None:
        """An empty cluster; the store has an administrator's account and somebody's bucket."""
        self.patch = pytest.MonkeyPatch()
        stop_clocks(self.patch)
        self.guarded, self.adoption = guarded, adoption
        self.store = StepwiseStore(names_owners=names_owners)
        self.root = Account("the-administrators-secret", role="admin")
        self.store.accounts["root-too"] = copy.deepcopy(self.root)
        self.store.accounts["somebody"] = Account("somebodys-secret")
        self.store.owners["bucket-b"] = "somebody"
        self.store.objects["bucket-b", "object"] = b"precious"
        self.kube = Secrets(lambda: int(Clock.present.timestamp()))
        self.ledger = Ledger()
        self.uids = itertools.count()
        self.worn: list[tuple[str, dict[str, str]]] = []
        self.shown: dict[Slot, dict[str, Any]] = {}
        self.stages = [0, 0]
        self.processes = [
            Process(name, self.store, self.kube, Setup(guarded, adoption, KEYS[0]))
            for name in ("one", "two")
        ]

    def teardown(self) -> None:
        """Nothing of it is left to other tests."""
        if hasattr(self, "patch"):
            self.patch.undo()

    # What tenants do.

    @rule(slot=slots, bucket=buckets, user=users, secret=secrets, extra=extras, call=calls)
    def make(
        self, slot: Slot, bucket: str, user: str, secret: str, extra: Fields, call: str = "answered"
    ) -> None:
        """Makes a Secret, or changes all of it; mostly it is synced then."""
        fields = {"bucket-name": bucket, "access-key": user, "access-secret": secret, **extra}
        if (found := self.kube.seen(slot)) is None or not found.deleting:
            self.remember(slot)
            self.kube.put(slot, f"uid-{next(self.uids)}", fields)
            if call != "later":
                self.sync(slot, None, deaf=call == "deaf")

    @rule(
        slot=slots,
        field=some.one_of(
            some.tuples(some.just("bucket-name"), buckets),
            some.tuples(some.just("access-key"), users),
            some.tuples(some.just("access-secret"), secrets),
            some.tuples(some.just("role"), some.sampled_from(["user", "admin", ""])),
        ),
        call=calls,
    )
    def edit(self, slot: Slot, field: tuple[str, str], call: str = "answered") -> None:
        """Rotates, renames, breaks or mends a Secret."""
        found = self.kube.seen(slot)
        if found is None or found.deleting:
            return
        self.remember(slot)
        found.document["data"][field[0]] = encode(field[1])
        if call != "later":
            self.sync(slot, None, deaf=call == "deaf")

    @rule(slot=slots, policy=policies, fault=faults)
    def delete(self, slot: Slot, policy: str, fault: Fault) -> None:
        """Deletes a Secret; with a policy it stays until its finalizer lets it go."""
        document = self.kube.documents.get(slot)
        if document is None:
            return
        if policy == "none":
            del self.kube.documents[slot]
            return
        document["metadata"]["annotations"].setdefault(f"{PREFIX}deletion-policy", policy)
        document["metadata"]["deletionTimestamp"] = "2026-11-24T18:32:54Z"
        self.finalize(slot, fault, deaf=False)

    @rule(slot=slots)
    def make_again(self, slot: Slot) -> None:
        """Deletes a Secret and makes it once more, with the same data and another uid."""
        found = self.kube.seen(slot)
        if found is None or found.deleting:
            return
        self.remember(slot)
        data = found.document["data"]
        del self.kube.documents[slot]
        self.kube.put(slot, f"uid-{next(self.uids)}", {})
        self.kube.documents[slot]["data"] = data

    @rule(
        slot=slots,
        other=slots,
        how=some.sampled_from(["strip", "strip", "unlabel", "copy", "restore", "forge"]),
    )
    def tamper(self, slot: Slot, other: Slot, how: str) -> None:
        """Writes what the operator writes: nothing, a neighbour's, an old one's, made up.

        Controllers that replace metadata take it all away.
        """
        secret, copied = self.kube.seen(slot), self.kube.seen(other)
        if secret is None or copied is None or secret.names is None:
            return
        self.remember(slot)
        metadata = secret.document["metadata"]
        annotations = metadata["annotations"]
        if how in {"strip", "unlabel"}:
            metadata.pop("labels", None)
        if how == "unlabel":
            return
        former = [worn for uid, worn in self.worn if uid == secret.uid]
        new = {
            "strip": {},
            "copy": copied.document["metadata"]["annotations"],
            "restore": former[0] if former else {},
            "forge": {**annotations, **FORGED},
        }[how]
        kept = {f"{PREFIX}enabled", f"{PREFIX}deletion-policy"}
        metadata["annotations"] = {
            **{key: value for key, value in new.items() if key not in kept},
            **{key: value for key, value in annotations.items() if key in kept},
        }

    # What an administrator does on the store.

    @rule(
        how=some.sampled_from(["secret", "delete", "disable", "enable"]),
        user=tenants,
        secret=secrets,
    )
    def drift_user(self, how: str, user: str, secret: str) -> None:
        """Changes, makes, deletes, disables or enables a user; its buckets stay its own."""
        if how == "secret":
            self.store.accounts.setdefault(user, Account("")).secret = secret
        elif how == "delete":
            self.store.accounts.pop(user, None)
        elif user in self.store.accounts:
            self.store.accounts[user].disabled = how == "disable"

    @rule(
        how=some.sampled_from(["owner", "owner", "delete", "upload"]),
        bucket=buckets,
        owner=some.sampled_from([*TENANTS, "somebody", ADMINISTRATOR, None]),
    )
    def drift_bucket(self, how: str, bucket: str, owner: str | None) -> None:
        """Gives a bucket to whom it pleases, makes or deletes it, or uploads into it."""
        if how == "owner":
            self.store.owners[bucket] = owner
        elif how == "delete":
            self.store.owners.pop(bucket, None)
            self.store.objects.pop((bucket, "object"), None)
        elif bucket in self.store.owners:
            self.store.objects[bucket, "object"] = b"precious"

    # What the platform does with the operator.

    @rule()
    def switch_guard(self) -> None:
        """Switches the guard off or on again; both replicas are started anew."""
        self.guarded = not self.guarded
        for number in range(len(self.processes)):
            self.restart(number)

    @rule()
    def rotate_key(self) -> None:
        """The next step of a new SIGNING_KEY, one replica after the other.

        The former key goes when nothing is signed with it any more.
        """
        number = self.stages.index(min(self.stages))
        stage = self.stages[number] + 1
        if len(KEYS[stage % len(KEYS)]) == 1 and not all(map(self.is_current, SLOTS)):
            return
        self.stages[number] = stage
        self.restart(number)

    @rule()
    def wait(self) -> None:
        """Longer than a grant by another key is left alone, or an old list is good enough."""
        Clock.present += timedelta(seconds=REST + 60)

    @rule(slot=slots, keep=some.booleans())
    def roll_back(self, slot: Slot, keep: bool) -> None:
        """The former version writes its grant, or takes its names away in a Conflict."""
        secret = self.kube.seen(slot)
        if secret is None or secret.deleting or secret.names is None:
            return
        names = secret.names
        account = self.store.accounts.get(names.user)
        annotations = secret.document["metadata"]["annotations"]
        ready = (
            account is not None
            and account.secret == names.secret.reveal()
            and not account.disabled
            and self.store.owners.get(names.bucket) == names.user
        )
        oracle = self.oracle()
        holders = (
            oracle.holder(Thing.USER, names.user),
            oracle.holder(Thing.BUCKET, names.bucket),
        )
        if not ready or any(holder is not None and holder.slot != slot for holder in holders):
            # What it would do beside others is its own matter, which was the reason for another.
            return
        self.remember(slot)
        second = int(Clock.present.timestamp())
        token = Grants(*self.processes[0].settings.signing_keys).issue_first(
            secret.uid, names.bucket, names.user, second
        )
        annotations |= {
            f"{PREFIX}grant": token,
            f"{PREFIX}bucket": names.bucket,
            f"{PREFIX}user": names.user,
        }
        if not keep:
            annotations.pop(f"{PREFIX}grants", None)
        self.ledger.record_former(token, secret, names.bucket, names.user, second)

    # What Metacontroller does.

    @rule(
        slot=slots,
        fault=faults,
        deaf=some.sampled_from([False, False, False, True]),
        replica=some.sampled_from([0, 1]),
    )
    def sync(self, slot: Slot, fault: Fault, deaf: bool, replica: int = 0) -> None:
        """Calls the hook; a step of the store may fail, and Kubernetes may not answer."""
        if (document := self.kube.documents.get(slot)) is None:
            return
        before, oracle = Snapshot.of(self.store), self.oracle()
        result = self.processes[replica].call(SyncRequest.of(document), fault, deaf=deaf)
        after = Snapshot.of(self.store)
        oracle.check_sync(slot, before, after)
        if result is None:
            return
        self.answered(slot, result)
        if result.outcome is None:
            assert after == before
        elif fault is None and result.outcome.status in {"Conflict", "Invalid", "Skipped"}:
            assert after.accounts.keys() == before.accounts.keys(), "half-made: a user"
            assert after.owners == before.owners, "half-made: a bucket"

    @rule(slot=slots, replica=some.sampled_from([0, 1]))
    def sync_what_was(self, slot: Slot, replica: int) -> None:
        """A replica is shown an older state, and its answer is refused for that."""
        document = self.shown.get(slot)
        if document is None or slot not in self.kube.documents:
            return
        before, oracle = Snapshot.of(self.store), self.oracle()
        oracle.secrets.documents[slot] = copy.deepcopy(document)
        self.processes[replica].call(SyncRequest.of(document), None, deaf=False)
        oracle.check_sync(slot, before, Snapshot.of(self.store))

    @rule(slot=slots, other=slots, step=some.integers(1, 8), lost=some.booleans())
    def race(self, slot: Slot, other: Slot, step: int, lost: bool) -> None:
        """Two replicas at the same time: one is called in the middle of the other's call."""
        if slot == other or not {slot, other} <= self.kube.documents.keys():
            return

        def meanwhile() -> None:
            request = SyncRequest.of(self.kube.documents[other])
            result = self.processes[1].call(request, None, deaf=False)
            if result is not None and not lost:
                self.answered(other, result)

        request = SyncRequest.of(self.kube.documents[slot])
        result = self.processes[0].call(request, None, deaf=False, meanwhile=(step, meanwhile))
        if result is not None:
            self.answered(slot, result, raced=True)

    @rule(slot=slots, fault=faults, deaf=some.booleans())
    def finalize(self, slot: Slot, fault: Fault, deaf: bool) -> None:
        """Calls the finalize hook of a Secret, which Metacontroller does for live ones too."""
        if (document := self.kube.documents.get(slot)) is None:
            return
        secret = Seen(slot, document)
        before, oracle = Snapshot.of(self.store), self.oracle()
        request = replace(SyncRequest.of(document), finalizing=secret.deleting)
        result = self.processes[0].call(request, fault, deaf=deaf, finalize=True)
        after = Snapshot.of(self.store)
        oracle.check_finalize(slot, before, after)
        if result is None:
            return
        answer = check_answer(result.response.encode(), finalize=True)
        assert set(answer) == set() if not secret.deleting else "finalized" in answer
        if answer.get("finalized"):
            del self.kube.documents[slot]
        else:
            apply_answer(document, answer)

    @rule()
    def settle(self) -> None:
        """No more faults and no more changes: a few rounds, and all is as it stays."""
        right = self.in_the_right()
        for turn in range(ROUNDS):
            for slot in SLOTS:
                self.sync(slot, None, deaf=False, replica=turn % 2)
        before, states = Snapshot.of(self.store), self.states()
        for slot in SLOTS:
            self.sync(slot, None, deaf=False)
        if self.guarded:
            assert Snapshot.of(self.store) == before, "Secrets take things from one another"
            assert self.states() == states, "an identical sync answers something else"
        for slot in SLOTS:
            secret = self.kube.seen(slot)
            if secret is None:
                continue
            if slot in right or self.must_be_ready(secret):
                assert secret.state == ("Ready", "Provisioned"), "a holder is locked out"
            if self.guarded:
                self.check_ready(secret)

    def in_the_right(self) -> set[Slot]:
        """Those that hold all that they name: nothing may ever lock them out."""
        if not self.guarded:
            return set()
        oracle, found = self.oracle(), set()
        for slot in SLOTS:
            secret = self.kube.seen(slot)
            if secret is None or secret.names is None or not self.is_possible(secret):
                continue
            wanted = ((Thing.USER, secret.names.user), (Thing.BUCKET, secret.names.bucket))
            holders = [oracle.holder(thing, name) for thing, name in wanted]
            if all(holder is not None and holder.slot == slot for holder in holders):
                found.add(slot)
        return found

    # What is seen of it.

    @invariant()
    def administrators_are_left_alone(self) -> None:
        """Neither changed nor made anew."""
        if hasattr(self, "store"):
            assert self.store.accounts["root-too"] == self.root
            assert ADMINISTRATOR not in self.store.accounts

    def oracle(self) -> Oracle:
        """One that knows how things stand now."""
        kube = Secrets(self.kube.second)
        kube.documents = copy.deepcopy(self.kube.documents)
        return Oracle(kube, Ledger(dict(self.ledger.grants)), self.guarded, self.adoption)

    def remember(self, slot: Slot) -> None:
        """Keeps how a Secret was before a change."""
        if slot in self.kube.documents:
            self.shown[slot] = copy.deepcopy(self.kube.documents[slot])

    def restart(self, number: int) -> None:
        """Starts a replica anew, with how things are set up by now."""
        keys = KEYS[self.stages[number] % len(KEYS)]
        self.processes[number].start(Setup(self.guarded, self.adoption, keys))

    def is_current(self, slot: Slot) -> bool:
        """Whether a Secret's grants are signed by the key that signs."""
        secret = self.kube.seen(slot)
        if secret is None:
            return True
        keys = KEYS[max(self.stages) % len(KEYS)]
        grants = Grants(Sensitive(keys[0]))
        told = secret.annotations
        if "grant" in told and "grants" not in told:
            return False
        return "grants" not in told or grants.read(told["grants"], secret.uid) is not None

    def answered(self, slot: Slot, result: Result, *, raced: bool = False) -> None:
        """Writes the answer on the Secret and looks at it."""
        self.remember(slot)
        document = self.kube.documents[slot]
        answer = check_answer(result.response.encode())
        assert not [secret for secret in SECRETS if secret in told(answer)]
        apply_answer(document, answer)
        secret = Seen(slot, document)
        if result.outcome is not None:
            self.ledger.record(secret)
            if not raced:
                self.check_ready(secret)
            worn = dict(document["metadata"]["annotations"])
            if not self.worn or self.worn[-1] != (secret.uid, worn):
                self.worn.append((secret.uid, worn))

    def check_ready(self, secret: Seen) -> None:
        """Ready is said of nothing that isn't."""
        if secret.state[0] != "Ready":
            return
        assert secret.names is not None
        names = secret.names
        assert self.store.accounts[names.user].secret == names.secret.reveal()
        assert self.store.owners[names.bucket] == names.user
        assert secret.annotations["bucket"] == names.bucket
        assert secret.annotations["user"] == names.user

    def state(self, slot: Slot) -> tuple[str, str]:
        """What a Secret says of itself."""
        secret = self.kube.seen(slot)
        assert secret is not None
        return secret.state

    def states(self) -> str:
        """All that is written on the Secrets."""
        metadata: dict[str, Any] = {
            "/".join(slot): document["metadata"]
            for slot, document in sorted(self.kube.documents.items())
        }
        return json.dumps(metadata, sort_keys=True)

    def is_possible(self, secret: Seen) -> bool:
        """Whether a Secret is valid, and its user one that is ever changed."""
        names = secret.names
        if names is None or secret.deleting:
            return False
        try:
            read(secret.document["data"], self.processes[0].settings.rules)
        except InvalidSecret:
            return False
        account = self.store.accounts.get(names.user)
        return account is None or not (account.role == "admin" or account.disabled)

    def must_be_ready(self, secret: Seen) -> bool:
        """Whether it is valid, nobody else asks for the same, and nothing forbids it."""
        names = secret.names
        if names is None or not self.is_possible(secret):
            return False
        if self.adoption is not Adoption.ANY and secret.state[1] in {"BucketOwned", "UserExists"}:
            return False
        rivals = [other.names for other in self.kube.others(secret.slot) if other.names]
        return not any(rival.bucket == names.bucket or rival.user == names.user for rival in rivals)
