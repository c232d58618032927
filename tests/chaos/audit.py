"""The auditor: reads the store and the cluster, and says what is not as it has to be."""

from __future__ import annotations

import random
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TypeVar

from tests.chaos.holders import Secrets, name, seen, wrong_holders
from tests.chaos.ledger import Contest, Entry, Kind, Ledger
from tests.chaos.objects import Objects
from tests.chaos.world import NAMESPACES, World

T = TypeVar("T")

KEEPSAKE = "keepsake"
"""The object that each bucket gets once, and that must be in it for ever."""

_WORKERS = 8
_VISIT = "visit"


def secrets_of(world: World) -> Secrets:
    """All Secrets of the tenants' namespaces."""
    return {
        (namespace, found["metadata"]["name"]): found
        for namespace in NAMESPACES
        for found in world.cluster.api.list("Secret", namespace)
    }


def not_settled(ledger: Ledger, secrets: Secrets, *, contests: bool = True) -> list[str]:
    """What the Secrets' own annotations don't say yet that they have to in the end.

    Args:
        ledger: what was asked for.
        secrets: as they are.
        contests: whether those that contend are looked at too, and who holds what by its grants.
    """
    wrong = []
    for entry in ledger.entries:
        if entry.deleted:
            if entry.key in secrets:
                wrong.append(f"{name(entry)} is still there after it was deleted")
            continue
        marks = seen(entry, secrets)
        state = f"{marks.get('status')}/{marks.get('reason')}"
        if entry.kind in {Kind.VALID, Kind.HOLDER}:
            names = (marks.get("bucket"), marks.get("user"))
            if marks.get("status") != "Ready":
                wrong.append(f"{name(entry)} is {state}: {marks.get('message')}")
            elif names != (entry.tenant.bucket, entry.tenant.access_key):
                wrong.append(f"{name(entry)} is Ready with what it named before")
        elif entry.kind is Kind.INVALID and marks.get("status") != "Invalid":
            wrong.append(f"{name(entry)} is {state} and can only be Invalid")
    if contests:
        for contest in ledger.contests:
            wrong += _contested(contest, secrets)
        wrong += wrong_holders(ledger, secrets)
    return wrong


class Auditor:
    """Looks at everything after a round.

    Args:
        world: what is looked at.
        ledger: what was asked for.
        dice: what the objects hold.

    Attributes:
        looked_at: how many things were checked.
    """

    def __init__(self, world: World, ledger: Ledger, dice: random.Random) -> None:
        self.looked_at = 0
        self._world = world
        self._ledger = ledger
        self._dice = dice

    def audit(self) -> list[str]:
        """Everything that is wrong; entries that are right are settled from now on."""
        secrets = secrets_of(self._world)
        owners = self._world.store.owners()
        users = set(self._world.store.users())
        unsettled = not_settled(self._ledger, secrets)
        for contest in self._ledger.contests:
            if not _contested(contest, secrets):
                (contest.holder,) = _ready(contest, secrets)
        findings = [
            *unsettled,
            *self._strays(users, owners),
            *self._owners(owners),
            *self._removals(users, owners),
            *self._connections(secrets),
        ]
        with closing(Objects(self._world.store, _WORKERS)) as objects:
            # First, before anybody writes again.
            findings += self._keepsakes(objects)
            findings += self._credentials(objects, secrets)
        if not findings:
            for entry in self._ledger.entries:
                entry.settled = entry.live
        return findings

    def _strays(self, users: set[str], owners: Mapping[str, str]) -> Iterable[str]:
        self.looked_at += len(users) + len(owners)
        for user in users - self._ledger.users - {self._world.store.access_key}:
            yield f"the user {user} is on the store and no Secret asked for it"
        for bucket in owners.keys() - self._ledger.owners.keys():
            yield f"the bucket {bucket} is on the store and no Secret asked for it"

    def _owners(self, owners: Mapping[str, str]) -> Iterable[str]:
        for bucket, owner in owners.items():
            expected = self._ledger.owners.get(bucket)
            if expected is not None and owner != expected:
                yield f"the bucket {bucket} is {owner}'s and has to be {expected}'s"
        for contest in self._ledger.contests:
            if contest.holder is not None:
                tenant = contest.holder.tenant
                if (owner := owners.get(tenant.bucket, "nobody")) != tenant.access_key:
                    yield f"{name(contest.holder)} is Ready and its bucket {owner}'s"

    def _removals(self, users: set[str], owners: Mapping[str, str]) -> Iterable[str]:
        for entry in self._ledger.entries:
            if not entry.deleted or entry.deletion is None or entry.excused:
                continue
            tenant = entry.tenant
            left = []
            if tenant.access_key in users:
                left.append(f"the user {tenant.access_key}")
            if entry.deletion == "delete" and tenant.bucket in owners:
                left.append(f"the bucket {tenant.bucket}")
            handed_over = owners.get(tenant.bucket) == self._world.store.access_key
            if entry.deletion == "delete-user" and not handed_over:
                left.append(f"the bucket {tenant.bucket} in the hands of the user")
            swapped = self._world.proxy.swapped
            if left and (swapped(tenant.bucket) or swapped(tenant.access_key)):
                entry.excused = True
            elif left:
                yield f"{name(entry)} was deleted with {entry.deletion} and left {left}"

    def _connections(self, secrets: Secrets) -> Iterable[str]:
        for entry in self._ledger.live(Kind.VALID):
            if entry.connection is None:
                continue
            found = secrets.get((entry.tenant.namespace, entry.connection))
            if found is None:
                yield f"{name(entry)} has no connection Secret"
                continue
            uid = found["metadata"]["uid"]
            if entry.connection_uid not in {None, uid}:
                yield f"{name(entry)}'s connection Secret was deleted and made again"
            entry.connection_uid = uid
            held = tuple(
                b64decode(found["data"].get(key, "")).decode()
                for key in ("BUCKET_NAME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
            )
            if held != (entry.tenant.bucket, *entry.tenant.credentials):
                yield f"{name(entry)}'s connection Secret holds something else than it"

    def _keepsakes(self, objects: Objects) -> list[str]:
        def look(bucket: str) -> list[str]:
            code, body = objects.get(bucket, KEEPSAKE)
            if code or body != self._ledger.objects[bucket]:
                return [
                    f"the object in the bucket {bucket} is lost or changed: {code or 'changed'}"
                ]
            return []

        return self._each(look, list(self._ledger.objects))

    def _credentials(self, objects: Objects, secrets: Secrets) -> list[str]:
        """What each valid Secret's credentials do, and those of who lost a contest."""

        def use(entry: Entry) -> list[str]:
            return list(self._use(objects, entry))

        ready = [
            entry
            for entry in self._ledger.entries
            if entry.live
            # Who has a copied pair would write over the holder's own visit.
            and entry.kind not in {Kind.INVALID, Kind.COPY}
            and seen(entry, secrets).get("status") == "Ready"
        ]
        findings = self._each(use, ready)
        for contest in self._ledger.contests:
            if contest.holder is None:
                continue
            where = contest.holder.tenant.bucket
            for entry in contest.entries:
                loser = entry.live and entry is not contest.holder
                if loser and not objects.get(where, KEEPSAKE, entry.tenant.credentials)[0]:
                    findings.append(f"{name(entry)} lost a contest and reads {where}")
        return [*findings, *self._attackers(objects)]

    def _attackers(self, objects: Objects) -> Iterable[str]:
        """Who contends may not even look; who copied a pair may until it is another."""
        for entry in self._ledger.entries:
            holder = entry.holder
            if holder is None or entry.deleted:
                continue
            self.looked_at += 1
            bucket, credentials = holder.tenant.bucket, entry.tenant.credentials
            reads = objects.get(bucket, KEEPSAKE, credentials)[0] in {"", "NoSuchKey"}
            if reads and credentials != holder.tenant.credentials:
                yield f"{name(entry)} reads the bucket of {name(holder)}"
            if not reads and credentials == holder.tenant.credentials:
                yield f"{name(entry)} has the pair of {name(holder)} and may not read"

    def _use(self, objects: Objects, entry: Entry) -> Iterable[str]:
        tenant, body = entry.tenant, self._dice.randbytes(64)
        if code := objects.put(tenant.bucket, _VISIT, body, tenant.credentials):
            yield f"{name(entry)} is Ready and its credentials may not write: {code}"
            return
        code, read = objects.get(tenant.bucket, _VISIT, tenant.credentials)
        if code or read != body:
            yield f"{name(entry)} is Ready and reads something else than it wrote: {code}"
        if code := objects.delete(tenant.bucket, _VISIT, tenant.credentials):
            yield f"{name(entry)} is Ready and its credentials may not delete: {code}"
        if entry.may_hold_objects and tenant.bucket not in self._ledger.objects:
            keepsake = self._dice.randbytes(256)
            if code := objects.put(tenant.bucket, KEEPSAKE, keepsake, tenant.credentials):
                yield f"{name(entry)} is Ready and its credentials may not write: {code}"
            self._ledger.objects[tenant.bucket] = keepsake
        for former in entry.former:
            if not objects.get(tenant.bucket, KEEPSAKE, former)[0]:
                yield f"{name(entry)} was rotated and its former secret still works"
        entry.former.clear()

    def _each(self, look: Callable[[T], list[str]], things: list[T]) -> list[str]:
        self.looked_at += len(things)
        with ThreadPoolExecutor(_WORKERS) as pool:
            return [finding for found in pool.map(look, things) for finding in found]


def _contested(contest: Contest, secrets: Secrets) -> list[str]:
    """Exactly one holds what both name, and it stays with who held it."""
    live, ready = [entry for entry in contest.entries if entry.live], _ready(contest, secrets)
    states = {entry.key: seen(entry, secrets) for entry in live}
    if len(ready) != 1:
        names = " and ".join(name(entry) for entry in live)
        told = [f"{marks.get('status')}/{marks.get('reason')}" for marks in states.values()]
        return [f"{len(ready)} of {names} hold what both name ({contest.what}): {told}"]
    held = contest.holder
    if held is not None and held.live and held is not ready[0]:
        return [f"{name(ready[0])} took what {name(held)} held"]
    return [
        f"{name(entry)} is {states[entry.key].get('status')} and not in Conflict"
        for entry in live
        if entry is not ready[0] and states[entry.key].get("status") != "Conflict"
    ]


def _ready(contest: Contest, secrets: Secrets) -> list[Entry]:
    return [
        entry
        for entry in contest.entries
        if entry.live and seen(entry, secrets).get("status") == "Ready"
    ]
