"""Ceph RGW: users and buckets through its admin API on the S3 port, version 1 of it.

A user's name is its access key. Codes and behaviour here and beside it are those of Ceph 16.2.15.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from backends.base import (
    Bucket,
    Capabilities,
    Claim,
    Connection,
    Gap,
    Observer,
    Probe,
    User,
)
from backends.capabilities import CAPABILITIES
from backends.ceph_rgw import policy
from backends.ceph_rgw.accounts import Accounts
from backends.ceph_rgw.api import AdminApi, names
from backends.ceph_rgw.errors import ABSENT, CODES
from backends.ceph_rgw.handover import UPLOADS, Found, Handover
from backends.ceph_rgw.names import is_usable_secret, require_usable
from backends.ceph_rgw.sharing import Sharing
from backends.ceph_rgw.usage import usage
from backends.ceph_rgw.userpolicies import UserPolicies
from backends.errors import NotEmpty, ServerFault, Unsupported
from backends.usage import Usage
from backends.wire import policydocument, xmlbody
from backends.wire.buckets import HOLDS_OBJECTS, HOLDS_UPLOADS, Buckets
from backends.wire.deadline import Deadline
from backends.wire.objectlock import lock_header
from backends.wire.settings import S3Settings
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient

_KIB = 1024
_NO_LIMIT = -1


class CephRGW:
    """The backend for Ceph RGW; see :class:`backends.base.Backend`."""

    capabilities: ClassVar[Capabilities] = CAPABILITIES["ceph-rgw"]

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._admin = connection.admin
        self._s3 = SignedClient(connection.endpoint, connection, observe)
        self._settings = S3Settings(
            self._s3, CODES.tenants_error, self.capabilities.settings, tells_public=True
        )
        self._api = AdminApi(connection, observe)
        self._accounts = Accounts(self._api, self._admin)
        self._signatures = Signatures(self._s3, connection, CODES, self._accounts.check)
        self._user_policies = UserPolicies(self._s3, self._admin)
        self._handover = Handover(self._s3, self._api, self._accounts, self._admin)
        self.sharing = Sharing(self._s3, self._handover, self._signatures)

    @property
    def bucket_settings(self) -> S3Settings:
        """Reads and writes the settings of buckets."""
        return self._settings

    @property
    def administrator(self) -> str:
        """The operator's own access key: its user's buckets are shown under that name."""
        return self._admin.access_key

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads the bucket's ACL as the tenant; the answer names the owner.

        A bucket that is half made lets its user read that it is still the operator's, and so may
        a policy: then it isn't the tenant's yet.
        """
        if not is_usable_secret(claim):
            return Probe(Gap.WRONG_SECRET)
        answer = await self._s3.request(
            "GET",
            [claim.bucket],
            operation="probe",
            credentials=claim.credentials,
            deadline=deadline,
            query={"acl": ""},
        )
        gap = await self._signatures.gap(answer, deadline)
        if gap is not Gap.ACCEPTED:
            return Probe(gap)
        owner = xmlbody.text_in(xmlbody.parse(answer.body), "Owner", "ID")
        if not owner:
            raise ServerFault("The store's answer names no owner of the bucket.")
        if owner != claim.user and owner == await self._accounts.own_name(deadline):
            return Probe(Gap.DENIED)
        return Probe(Gap.ACCEPTED, owner)

    async def prove_signatures(self, deadline: Deadline) -> None:
        """Asks as the operator; see :meth:`Signatures.require`."""
        await self._signatures.require(deadline)

    async def find_user(self, name: str, deadline: Deadline) -> User | None:
        """The user of that name, or the one that has the access key; with what policies it has."""
        found = await self._accounts.find(name, deadline)
        if found is None:
            found = await self._accounts.of_key(name, deadline)
        if found is None:
            return None
        broad = await self._user_policies.are_broad(found.name, deadline)
        return replace(found.as_user(name), broad=broad)

    async def find_bucket(self, name: str, deadline: Deadline) -> Bucket | None:
        """The bucket with its owner; one that is half made is its user's, and not intact."""
        found = await self._handover.find(name, deadline)
        if found is None:
            return None
        if found.owner != await self._accounts.own_name(deadline):
            return Bucket(frozenset({found.owner}))
        marked = await self._handover.marked_for(name, deadline)
        if marked is not None:
            return Bucket(frozenset({marked}), intact=False)
        return Bucket(frozenset({self.administrator}))

    async def may_deny(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether the bucket has a policy of its owner's, which may hide even itself."""
        answer = await self._s3.request(
            "GET",
            [claim.bucket],
            operation="read_policy",
            credentials=claim.credentials,
            deadline=deadline,
            query={"policy": ""},
        )
        if answer.code == "AccessDenied":
            return True
        if answer.code == "NoSuchBucketPolicy":
            return False
        if not answer.ok:
            raise CODES.error(answer, admin=False)
        return bool(policy.others(policydocument.parse(answer.body)))

    async def owns_buckets(self, user: str, deadline: Deadline) -> bool:
        """Asks for the user's, and for all where there is none: a bucket keeps a gone one's."""
        if await self._buckets_of(user, deadline):
            return True
        if await self._accounts.find(user, deadline) is not None:
            return False
        return any(found.get("owner") == user for found in await self._api.all_buckets(deadline))

    async def create_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the user, who can make no bucket itself.

        Raises:
            Unsupported: there can be no such user.
        """
        require_usable(claim)
        made = await self._accounts.create(claim, deadline)
        self._signatures.doubted()
        return made

    async def update_user(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives an existing user the claim's secret; it stays suspended if it is.

        Raises:
            Unsupported: there can be no such user.
        """
        require_usable(claim)
        changed = await self._accounts.set_secret(claim, deadline)
        self._signatures.doubted()
        return changed

    async def create_bucket(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the bucket and gives it to the user; see :meth:`Handover.make`."""
        require_usable(claim)
        return await self._handover.make(claim.bucket, claim.user, deadline, lock_header(claim))

    async def change_owner(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the bucket to the user with all that is in it; see :meth:`Handover.give`."""
        require_usable(claim)
        user = await self._accounts.find(claim.user, deadline)
        if user is None:
            return False
        if refusal := user.as_user(claim.user).refusal:
            raise Unsupported(refusal)
        found = await self._handover.find(claim.bucket, deadline)
        if found is None or found.owner == claim.user:
            return False
        return await self._handover.give(found, claim.user, deadline)

    async def check_takeover(self, claim: Claim, deadline: Deadline) -> None:
        """Looks at the owner, and as the owner at the bucket; see :meth:`Handover.check`."""
        found = await self._handover.find(claim.bucket, deadline)
        if found is not None:
            await self._handover.check(found, claim, deadline)

    async def wipe(self, bucket: str, deadline: Deadline) -> None:
        """Removes policy, lifecycle, CORS, website, notifications and replication as its owner.

        The operator's statements against former owners stay, see :mod:`backends.ceph_rgw.policy`.
        """
        found = await self._handover.find(bucket, deadline)
        if found is not None:
            await self._handover.wipe(found, deadline)

    async def release(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Gives the bucket to the operator's own user, with all that is in it."""
        found = await self._handover.find(bucket, deadline)
        if found is None:
            return False
        own = await self._accounts.own_name(deadline)
        if found.owner == own:
            if await self._handover.marked_for(bucket, deadline) != user:
                return False
            await self._handover.unmark(bucket, deadline)
            return True
        return found.owner == user and await self._handover.give(found, own, deadline)

    async def delete_user(self, name: str, deadline: Deadline) -> bool:
        """Deletes the user; its buckets become the operator's, without its settings.

        The gateway deletes nobody who owns a bucket, by its list of the user's buckets. A bucket
        that was given to two users at once stands in both lists, and is one's alone.
        """
        own = await self._accounts.own_name(deadline)
        if name in {self.administrator, own}:
            raise Unsupported("The operator's own account is never deleted.")
        for bucket in await self._buckets_of(name, deadline):
            found = await self._handover.find(bucket, deadline)
            if found is not None and found.owner == name:
                await self.wipe(bucket, deadline)
                await self.release(bucket, name, deadline)
                await self.wipe(bucket, deadline)
            else:
                # One that is half made for the user is still the operator's.
                await self.release(bucket, name, deadline)
                await self._handover.unlist(bucket, name, deadline)
        return await self._accounts.delete(name, deadline)

    async def delete_bucket(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket; False when there is none.

        The gateway looks for objects and their versions itself, but throws unfinished uploads
        away with the bucket, so its counters are read first.

        Raises:
            NotEmpty: it holds something.
        """
        found = await self._handover.find(name, deadline)
        if found is None:
            return False
        # Parts of uploads count as objects too.
        if found.counts.get(UPLOADS):
            raise NotEmpty(HOLDS_UPLOADS)
        if found.holds:
            raise NotEmpty(HOLDS_OBJECTS)
        # Not repeated when its answer is lost: the second would say that there was none.
        answer = await self._api.call(
            "DELETE", "bucket", "delete_bucket", deadline, {"bucket": name}, repeat=False
        )
        if answer.code in ABSENT:
            return False
        if answer.code == "BucketNotEmpty":
            raise NotEmpty(HOLDS_OBJECTS)
        CODES.require(answer)
        return True

    async def prepare(self, claim: Claim, deadline: Deadline, *, dry_run: bool = False) -> None:
        """Nothing that a claim names depends on how a gateway is set up."""

    async def set_quota(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes both limits, since one alone sets the other to nothing at all.

        Bytes are rounded up to whole KiB: the gateway takes no others.
        """
        if claim.quota_bytes is None and claim.quota_objects is None:
            return False
        found = await self._handover.find(claim.bucket, deadline)
        if found is None:
            return False
        size = _limit(found, "max_size", claim.quota_bytes)
        objects = _limit(found, "max_objects", claim.quota_objects)
        answer = await self._api.call(
            "PUT",
            "bucket",
            "set_quota",
            deadline,
            {
                "quota": "",
                "bucket": claim.bucket,
                "uid": found.owner,
                "enabled": "false" if size is None and objects is None else "true",
                "max-size-kb": str(_NO_LIMIT if size is None else -(-size // _KIB)),
                "max-objects": str(_NO_LIMIT if objects is None else objects),
            },
        )
        if answer.code in ABSENT:
            return False
        CODES.require(answer)
        return True

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes it as the bucket's owner; see :meth:`Buckets.set_versioning`."""
        if claim.versioning is None:
            return False
        found = await self._handover.find(claim.bucket, deadline)
        if found is None:
            return False
        signer = claim.credentials if found.owner == claim.user else self._admin
        buckets = Buckets(self._s3, signer, lambda answer: CODES.error(answer, admin=False))
        return await buckets.set_versioning(claim, deadline)

    async def usage(self, bucket: str, deadline: Deadline) -> Usage | None:
        """What the gateway counts as it goes."""
        return await usage(self._api, bucket, deadline)

    async def check(self, deadline: Deadline) -> None:
        """Asks for the operator's own user and its caps."""
        await self._accounts.check(deadline)
        await self._signatures.check(deadline)

    async def close(self) -> None:
        """Closes the connections."""
        await self._s3.close()
        await self._api.close()

    async def _buckets_of(self, user: str, deadline: Deadline) -> list[str]:
        answer = await self._api.call("GET", "bucket", "list_buckets", deadline, {"uid": user})
        return [] if answer.code in ABSENT else names(answer)


def _limit(found: Found, name: str, claimed: int | None) -> int | None:
    """The claimed limit, or the one in force where none is claimed; None for no limit."""
    if claimed is not None:
        return claimed or None
    limit = found.quota.get(name)
    if not found.quota.get("enabled") or not isinstance(limit, int) or limit < 0:
        return None
    return limit
