"""The machine of several buckets and shared ones, on a real store or on the model in memory.

A few Secrets with up to three buckets each, which are shared with one another; edits, drift and
kills come in any order. Beside :mod:`tests.properties.machine`, which knows one bucket a Secret and
attacks grants, this one asks the store itself who reads and writes what.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from backends.sharing import Access
from hooks.claim.mentions import Names
from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.sync import guest, sharing
from hooks.sync.guest import HOUR
from tests.conformance.subject import Killed, ModelSubject, RealSubject, Subject
from tests.properties.cluster import Secrets, Seen, Slot
from tests.properties.process import Clock, Seconds, stop_clocks
from tests.support import PREFIX, Operator, encode, wait

SLOTS: list[Slot] = [("mine", "one"), ("mine", "two"), ("theirs", "one"), ("theirs", "two")]
PLACES = range(3)
"""Buckets and users, by their places among an example's names."""
PASSWORDS = ["first-very-long-and-strong-secret", "second-very-long-and-strong-secret"]
ROUNDS = 4

Guests = Mapping[Slot, Access]

slots = some.sampled_from(SLOTS)
places = some.sampled_from(PLACES)
bucket_lists = some.lists(places, min_size=1, max_size=3, unique=True)
passwords = some.sampled_from(PASSWORDS)
accesses = some.sampled_from(Access)
guest_lists = some.dictionaries(slots, accesses, max_size=3)
# After how many writes the operator dies; mostly it doesn't.
deaths = some.sampled_from([None, None, None, 1, 2, 3, 4, 5, 6])

_numbers = itertools.count(1)


class Sharing(RuleBasedStateMachine):
    """What a subclass adds is the store: see :func:`machine_on`."""

    subject: Subject

    @initialize(adoption=some.sampled_from(["any", "unowned", "never"]))
    def begin(self, adoption: str) -> None:
        """An empty cluster, and names that no other example has."""
        self.patch = pytest.MonkeyPatch()
        stop_clocks(self.patch)
        for module in (guest, sharing):
            self.patch.setattr(module, "time", Seconds)
        name = f"p{next(_numbers):05}"
        self.buckets = [f"{name}bucket{place}" for place in PLACES]
        self.users = [f"{name}user{place}" for place in PLACES]
        self.environ = {"ADOPTION": adoption, "DELETION": "on", "CONFLICT_GUARD": "on"}
        self.kube = Secrets(lambda: int(Clock.present.timestamp()))
        self.uids = itertools.count()
        self.start()

    def teardown(self) -> None:
        """Nothing of it is left to other tests."""
        if hasattr(self, "patch"):
            self.patch.undo()

    # What tenants do.

    @rule(
        slot=slots,
        chosen=bucket_lists,
        user=places,
        password=passwords,
        guests=guest_lists,
        dies=deaths,
    )
    def hold(
        self,
        slot: Slot,
        chosen: Sequence[int],
        user: int,
        password: str,
        guests: Guests,
        dies: int | None = None,
    ) -> None:
        """Makes a Secret that wants buckets of its own, or makes one so."""
        fields = {"bucket-names": ",".join(self.buckets[place] for place in chosen)}
        if self._write(slot, fields, user, password):
            self._annotate(slot, **{"access": None, "share-with": _listed(guests)})
            self.sync(slot, dies)

    @rule(slot=slots, place=places, user=places, password=passwords, access=accesses, dies=deaths)
    def want(
        self,
        slot: Slot,
        place: int,
        user: int,
        password: str,
        access: Access,
        dies: int | None = None,
    ) -> None:
        """Makes a Secret that wants access to another's bucket, or makes one so."""
        if self._write(slot, {"bucket-name": self.buckets[place]}, user, password):
            self._annotate(slot, **{"access": access.value, "share-with": None})
            self.sync(slot, dies)

    @rule(
        slot=slots,
        other=slots,
        chosen=bucket_lists,
        user=places,
        wanted=accesses,
        given=accesses,
        dies=deaths,
    )
    def team_up(
        self,
        slot: Slot,
        other: Slot,
        chosen: Sequence[int],
        user: int,
        wanted: Access,
        given: Access,
        dies: int | None = None,
    ) -> None:
        """A holder and a guest that fit, which by chance are rare."""
        if slot != other:
            self.hold(slot, chosen, user, PASSWORDS[0], {other: given})
            self.want(other, chosen[-1], (user + 1) % len(PLACES), PASSWORDS[1], wanted, dies)

    @rule(slot=slots, guests=guest_lists, dies=deaths)
    def share(self, slot: Slot, guests: Guests, dies: int | None = None) -> None:
        """Lets others in, or no more."""
        secret = self.kube.seen(slot)
        if secret is not None and not secret.deleting and "access" not in secret.annotations:
            self._annotate(slot, **{"share-with": _listed(guests)})
            self.sync(slot, dies)

    @rule(slot=slots, password=passwords, dies=deaths)
    def rotate(self, slot: Slot, password: str, dies: int | None = None) -> None:
        """Another secret for the same user."""
        secret = self.kube.seen(slot)
        if secret is not None and not secret.deleting:
            secret.document["data"]["access-secret"] = encode(password)
            self.sync(slot, dies)

    @rule(slot=slots, policy=some.sampled_from(["none", "delete-user", "delete"]), dies=deaths)
    def remove(self, slot: Slot, policy: str, dies: int | None = None) -> None:
        """Deletes a Secret; with a policy it waits for its finalizer."""
        secret = self.kube.seen(slot)
        if secret is None:
            return
        if policy == "none":
            del self.kube.documents[slot]
            return
        self._annotate(slot, **{"deletion-policy": policy})
        secret.document["metadata"]["deletionTimestamp"] = "2026-11-24T18:32:54Z"
        self.finalize(slot, dies)

    # What an administrator does on the store.

    @rule(user=places)
    def delete_user(self, user: int) -> None:
        """The user is gone, and its buckets keep its name."""
        if self.subject.user(self.users[user]) is not None:
            self.subject.delete_user(self.users[user])

    @rule(place=places)
    def delete_bucket(self, place: int) -> None:
        """The bucket is gone with all that is in it."""
        bucket = self.buckets[place]
        if self.subject.owner(bucket) is None:
            return
        if isinstance(self.subject, ModelSubject):
            store = self.subject.store
            del store.owners[bucket]
            store.shared.pop(bucket, None)
            store.objects.pop((bucket, "object"), None)
            return
        assert isinstance(self.subject, RealSubject)
        with self.subject.store.s3() as client:
            for found in client.list_objects_v2(Bucket=bucket).get("Contents", []):
                client.delete_object(Bucket=bucket, Key=found["Key"])
            client.delete_bucket(Bucket=bucket)

    @rule(place=places)
    def take_away(self, place: int) -> None:
        """The bucket is made the administrator's."""
        if self.subject.owner(self.buckets[place]) is not None:
            self.subject.set_owner(self.buckets[place], None)

    # What Metacontroller does.

    @rule(slot=slots, dies=deaths)
    def sync(self, slot: Slot, dies: int | None = None) -> None:
        """Calls the hook for a Secret; a process that dies is followed by another."""
        secret = self.kube.seen(slot)
        if secret is None:
            return
        before, holders = self.owners(), self.holders()
        result = self._call(slot, dies)
        self.check_sync(secret, before, holders)
        if result is None:
            return
        answer = result.response.document()
        apply_answer(secret.document, answer)
        if secret.deleting:
            assert not answer
        else:
            self.check_ready(secret)

    @rule(slot=slots, dies=deaths)
    def finalize(self, slot: Slot, dies: int | None = None) -> None:
        """Calls the finalize hook of a Secret that is being deleted."""
        secret = self.kube.seen(slot)
        if secret is None or not secret.deleting:
            return
        before, holders = self.owners(), self.holders()
        result = self._call(slot, dies, finalize=True)
        for bucket in _changed(before, self.owners()):
            holder = holders.get(bucket)
            assert holder is None or holder.slot == slot, "a bucket of another's went"
        if result is None:
            return
        answer = result.response.document()
        if answer.get("finalized"):
            del self.kube.documents[slot]
        else:
            apply_answer(secret.document, answer)

    @rule()
    def settle(self) -> None:
        """Nothing changes any more, for some hours: all is as it stays."""
        for _ in range(ROUNDS):
            for slot in SLOTS:
                self.sync(slot)
                self.finalize(slot)
            Clock.present += timedelta(seconds=HOUR + 60)
        for slot in SLOTS:
            self.sync(slot)
        before, owners = self.states(), self.owners()
        for slot in SLOTS:
            self.sync_unchanged(slot)
        assert self.states() == before, "an identical sync answers something else"
        assert self.owners() == owners
        self.check_liveness()
        self.check_access()

    def sync_unchanged(self, slot: Slot) -> None:
        """One more call, which costs a request for each bucket where all is right."""
        secret = self.kube.seen(slot)
        if secret is None or secret.deleting:
            return
        asked = self.operator.requests()
        self.sync(slot)
        if secret.state[0] == "Ready" and _names(secret) is not None:
            assert self.operator.requests() - asked == len(_buckets(secret)), secret.annotations

    # What is seen of it.

    def check_sync(
        self, secret: Seen, before: Mapping[str, str | None], holders: Mapping[str, Seen]
    ) -> None:
        """Only what the Secret names was given to its user, and nothing of a holder's."""
        after = self.owners()
        assert not [bucket for bucket in before if before[bucket] and not after[bucket]]
        for bucket in _changed(before, after):
            names = _names(secret)
            assert names is not None
            assert "access" not in secret.annotations, "a guest changed a bucket's owner"
            assert bucket in _buckets(secret)
            assert after[bucket] == names.user
            holder = holders.get(bucket)
            theirs = None if holder is None else _names(holder)
            assert (
                holder is None
                or holder.slot == secret.slot
                or theirs == names
                or (theirs is not None and theirs.user == names.user and before[bucket] is None)
            ), "a bucket was taken from its holder"

    def check_ready(self, secret: Seen) -> None:
        """Ready is said of nothing that isn't."""
        names = _names(secret)
        if secret.state[0] != "Ready" or names is None:
            return
        pair = names.user, names.secret.reveal()
        for bucket in _buckets(secret):
            got = self.subject.get(bucket, "object", as_user=pair)
            put = self.subject.put(bucket, "object", b"body", as_user=pair)
            access = secret.annotations.get("access")
            assert got in (b"body", "NoSuchKey"), (bucket, got)
            assert put == ("AccessDenied" if access == Access.READ_ONLY else ""), (bucket, put)
            if access is None:
                assert self.subject.owner(bucket) == names.user

    def check_liveness(self) -> None:
        """Who holds all that it names is Ready, and so is whom such a one lets in."""
        holders = self.holders()
        for slot in SLOTS:
            secret = self.kube.seen(slot)
            if secret is None or secret.deleting:
                continue
            access = secret.annotations.get("access")
            if access is None:
                held = all(
                    bucket in holders and holders[bucket].slot == slot
                    for bucket in _buckets(secret)
                )
                if held and self._holds_user(secret):
                    assert secret.state == ("Ready", "Provisioned"), (
                        f"a holder is locked out: {secret.annotations}"
                    )
            elif self._may_be_guest(secret, holders):
                assert secret.state == ("Ready", "Provisioned"), (
                    f"a guest is locked out: {secret.annotations}"
                )

    def check_access(self) -> None:
        """Nobody reads or writes a bucket but its owner and whom its holder lets in."""
        holders, owners = self.holders(), self.owners()
        pairs = [
            (user, password)
            for user in self.users
            if self.subject.user(user) is not None
            for password in PASSWORDS
            if self.subject.accepts(user, password)
        ]
        for (user, password), bucket in itertools.product(pairs, self.buckets):
            if owners[bucket] in {None, user}:
                continue
            let = set(self._let_in(bucket, user, holders))
            got = self.subject.get(bucket, "object", as_user=(user, password))
            assert got == "AccessDenied" or let, f"{user} reads {bucket}"
            put = self.subject.put(bucket, "object", b"body", as_user=(user, password))
            assert put == "AccessDenied" or Access.READ_WRITE in let, f"{user} writes {bucket}"

    def owners(self) -> dict[str, str | None]:
        """Of each bucket, as the store says; None where there is no such bucket."""
        return {bucket: self.subject.owner(bucket) for bucket in self.buckets}

    def holders(self) -> dict[str, Seen]:
        """Of each bucket the live Secret that has the newest grant for it and still names it."""
        found: dict[str, tuple[int, Seen]] = {}
        for slot in SLOTS:
            secret = self.kube.seen(slot)
            if secret is None or secret.deleting or "access" in secret.annotations:
                continue
            for bucket, (second, kind) in _granted(secret).items():
                newer = bucket not in found or found[bucket][0] < second
                if kind == "own" and bucket in _buckets(secret) and newer:
                    found[bucket] = second, secret
        return {bucket: secret for bucket, (_, secret) in found.items()}

    def states(self) -> str:
        """All that is written on the Secrets."""
        told = {
            "/".join(slot): document["metadata"] for slot, document in self.kube.documents.items()
        }
        return json.dumps(told, sort_keys=True)

    def start(self) -> None:
        """A process that knows nothing of the one before."""
        self.operator: Operator = self.subject.operator(self.environ, kube=self.kube)

    def _call(self, slot: Slot, dies: int | None, *, finalize: bool = False) -> Any:
        """One call of a hook; None if the process died before it answered."""
        Clock.present += timedelta(seconds=1)
        request = SyncRequest.of(self.kube.documents[slot])
        operator = self.operator
        if dies is not None:
            operator = self.subject.operator(self.environ, writes=dies, kube=self.kube)
        try:
            if finalize:
                request = replace(request, finalizing=True)
                return wait(operator.parts.finalizer.finalize(request))
            return wait(operator.parts.syncer.sync(request))
        except Killed:
            return None
        finally:
            if dies is not None:
                self.start()

    def _write(self, slot: Slot, fields: dict[str, str], user: int, password: str) -> bool:
        """Makes a Secret, or changes its data; False for one that is being deleted."""
        found = self.kube.seen(slot)
        if found is not None and found.deleting:
            return False
        pair = {"access-key": self.users[user], "access-secret": password}
        self.kube.put(slot, f"uid-{next(self.uids)}", {**fields, **pair})
        return True

    def _annotate(self, slot: Slot, **annotations: str | None) -> None:
        told = self.kube.documents[slot]["metadata"]["annotations"]
        for name, value in annotations.items():
            told.pop(PREFIX + name, None)
            if value is not None:
                told[PREFIX + name] = value

    def _holds_user(self, secret: Seen) -> bool:
        """Whether its user is the Secret's, and no other Secret has a say about it."""
        names = _names(secret)
        granted = _payload(secret).get("user", ("", 0, ""))
        return (
            names is not None
            and granted[0] == names.user
            and not any(
                other.names is not None and other.names.user == names.user
                for other in self.kube.others(secret.slot)
            )
        )

    def _may_be_guest(self, secret: Seen, holders: Mapping[str, Seen]) -> bool:
        """Whether a Ready holder lets a Secret in, whose user is its alone."""
        (bucket,) = _buckets(secret)
        holder = holders.get(bucket)
        if holder is None or holder.state[0] != "Ready" or secret.state[1] == "UserExists":
            return False
        access = Access(secret.annotations["access"])
        consent = _consents(holder).get(secret.slot)
        return consent is not None and consent.covers(access) and self._holds_user(secret)

    def _let_in(self, bucket: str, user: str, holders: Mapping[str, Seen]) -> Iterator[Access]:
        """What a holder's Secret lets a user do, by the Secrets that it names."""
        holder = holders.get(bucket)
        for slot, access in (_consents(holder) if holder is not None else {}).items():
            guest = self.kube.seen(slot)
            names = None if guest is None else _names(guest)
            if guest is None or guest.deleting or names is None or names.user != user:
                continue
            if bucket in _buckets(guest) and "access" in guest.annotations:
                wanted = Access(guest.annotations["access"])
                yield wanted if access.covers(wanted) else access


def machine_on(subject: Subject) -> type[Sharing]:
    """The machine on one store."""
    return type("SharingOnOneStore", (Sharing,), {"subject": subject})


def _listed(guests: Guests) -> str | None:
    entries = [f"{space}/{name}:{access.value}" for (space, name), access in guests.items()]
    return ",".join(entries) or None


def _consents(holder: Seen) -> dict[Slot, Access]:
    found = {}
    for entry in filter(None, holder.annotations.get("share-with", "").split(",")):
        place, _, access = entry.partition(":")
        space, _, name = place.partition("/")
        found[space, name] = Access(access)
    return found


def _names(secret: Seen) -> Names | None:
    return secret.names


def _buckets(secret: Seen) -> tuple[str, ...]:
    names = _names(secret)
    return () if names is None else (names.bucket, *names.more_buckets)


def _granted(secret: Seen) -> dict[str, tuple[int, str]]:
    """Of each bucket in a Secret's grant, the second and the kind."""
    buckets = _payload(secret).get("buckets", {})
    return {bucket: (second, kind) for bucket, (second, kind, *_) in buckets.items()}


def _payload(secret: Seen) -> dict[str, Any]:
    """What a Secret's grant says; empty without one."""
    token = secret.annotations.get("grants", "")
    if not token:
        return {}
    payload = token.split(".")[1]
    told: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return told if told["uid"] == secret.uid else {}


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [bucket for bucket in before if before[bucket] != after[bucket]]
