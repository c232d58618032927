"""The machine: edits, drift, faults and calls in any order, and what holds after each of them."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hooks import finalizer, syncer
from hooks.decorator import SyncRequest
from hooks.demo import apply_answer
from hooks.secret import InvalidSecret, read
from hooks.syncer import Result
from hooks.takeover import Adoption
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
from tests.properties.process import Clock, Fault, Process
from tests.properties.stepwise import StepwiseStore
from tests.support import PREFIX, encode

# Syncs of each Secret until nothing changes any more, if nothing else does.
ROUNDS = 4


class Reconciling(RuleBasedStateMachine):
    """A few Secrets, buckets and users, and two administrators."""

    @initialize(
        guarded=some.booleans(),
        adoption=some.sampled_from(Adoption),
        names_owners=some.booleans(),
    )
    def begin(self, guarded: bool, adoption: Adoption, names_owners: bool) -> None:
        """An empty cluster; the store has an administrator's account and somebody's bucket."""
        self.patch = pytest.MonkeyPatch()
        for module in (syncer, finalizer):
            self.patch.setattr(module, "datetime", Clock)
        self.guarded, self.adoption = guarded, adoption
        self.store = StepwiseStore(names_owners=names_owners)
        self.root = Account("the-administrators-secret", role="admin")
        self.store.accounts["root-too"] = copy.deepcopy(self.root)
        self.store.accounts["somebody"] = Account("somebodys-secret")
        self.store.owners["bucket-b"] = "somebody"
        self.store.objects["bucket-b", "object"] = b"precious"
        self.kube = Secrets()
        self.ledger = Ledger()
        self.uids = itertools.count()
        self.worn: list[tuple[str, dict[str, str]]] = []
        self.process = Process(self.store, self.kube, guarded=guarded, adoption=adoption)

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

    @rule(slot=slots, other=slots, how=some.sampled_from(["strip", "copy", "restore", "forge"]))
    def tamper(self, slot: Slot, other: Slot, how: str) -> None:
        """Writes what the operator writes: nothing, a neighbour's, an old one's, made up."""
        secret, copied = self.kube.seen(slot), self.kube.seen(other)
        if secret is None or copied is None or secret.names is None:
            return
        metadata = secret.document["metadata"]
        annotations = metadata["annotations"]
        former = [
            worn
            for uid, worn in self.worn
            if uid == secret.uid
            and (
                worn.get(f"{PREFIX}bucket") == secret.names.bucket
                or worn.get(f"{PREFIX}user") == secret.names.user
            )
        ]
        new = {
            "strip": {},
            "copy": copied.document["metadata"]["annotations"],
            "restore": former[0] if former else {},
            "forge": {**annotations, f"{PREFIX}grant": "v1.1999999999." + "A" * 43},
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

    # What Metacontroller does.

    @rule(slot=slots, fault=faults, deaf=some.sampled_from([False, False, False, True]))
    def sync(self, slot: Slot, fault: Fault, deaf: bool) -> None:
        """Calls the hook; a step of the store may fail, and Kubernetes may not answer."""
        if (document := self.kube.documents.get(slot)) is None:
            return
        before, oracle = Snapshot.of(self.store), self.oracle()
        result = self.process.call(SyncRequest.of(document), fault, deaf=deaf)
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

    @rule(slot=slots, fault=faults, deaf=some.booleans())
    def finalize(self, slot: Slot, fault: Fault, deaf: bool) -> None:
        """Calls the finalize hook of a Secret, which Metacontroller does for live ones too."""
        if (document := self.kube.documents.get(slot)) is None:
            return
        secret = Seen(slot, document)
        before, oracle = Snapshot.of(self.store), self.oracle()
        request = replace(SyncRequest.of(document), finalizing=secret.deleting)
        result = self.process.call(request, fault, deaf=deaf, finalize=True)
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
        for _ in range(ROUNDS):
            for slot in SLOTS:
                self.sync(slot, None, deaf=False)
        before, states = Snapshot.of(self.store), self.states()
        for slot in SLOTS:
            self.sync(slot, None, deaf=False)
        if self.guarded:
            assert Snapshot.of(self.store) == before, "Secrets take things from one another"
            assert self.states() == states
        for slot in SLOTS:
            secret = self.kube.seen(slot)
            if secret is not None and self.must_be_ready(secret):
                assert secret.state == ("Ready", "Provisioned")

    # What is seen of it.

    @invariant()
    def administrators_are_left_alone(self) -> None:
        """Neither changed nor made anew."""
        if hasattr(self, "store"):
            assert self.store.accounts["root-too"] == self.root
            assert ADMINISTRATOR not in self.store.accounts

    def oracle(self) -> Oracle:
        """One that knows how things stand now."""
        kube = Secrets()
        kube.documents = copy.deepcopy(self.kube.documents)
        return Oracle(kube, Ledger(dict(self.ledger.grants)), self.guarded, self.adoption)

    def answered(self, slot: Slot, result: Result) -> None:
        """Writes the answer on the Secret and looks at it."""
        document = self.kube.documents[slot]
        answer = check_answer(result.response.encode())
        assert not [secret for secret in SECRETS if secret in told(answer)]
        apply_answer(document, answer)
        secret = Seen(slot, document)
        if result.outcome is not None:
            self.ledger.record(secret)
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

    def must_be_ready(self, secret: Seen) -> bool:
        """Whether it is valid, nobody else asks for the same, and nothing forbids it."""
        names = secret.names
        if names is None or secret.deleting:
            return False
        try:
            read(secret.document["data"], self.process.settings.rules)
        except InvalidSecret:
            return False
        account = self.store.accounts.get(names.user)
        if account is not None and (account.role == "admin" or account.disabled):
            return False
        if self.adoption is not Adoption.ANY and secret.state[1] in {"BucketOwned", "UserExists"}:
            return False
        rivals = [other.names for other in self.kube.others(secret.slot) if other.names]
        return not any(rival.bucket == names.bucket or rival.user == names.user for rival in rivals)
