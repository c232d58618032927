"""A second user on a bucket of MinIO's: one further policy for each bucket and kind of access."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from minio.minioadmin import MinioAdmin

from backends.base import Claim, Probe
from backends.errors import Disabled, ServerFault
from backends.minio.api import AdminApi
from backends.minio.errors import (
    ALREADY_APPLIED,
    CODES,
    NO_SUCH_POLICY,
    NO_SUCH_USER,
    POLICY_IN_USE,
)
from backends.minio.ownership import Ownership
from backends.sharing import Access
from backends.wire import jsonbody
from backends.wire.access import TenantAccess
from backends.wire.cannedpolicy import same
from backends.wire.deadline import Deadline
from backends.wire.shares import canned
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient

_PREFIX = "s3-resource-operator"
_NOTHING_TAKEN = frozenset({ALREADY_APPLIED, NO_SUCH_POLICY, NO_SUCH_USER})

Exists = Callable[[str, Deadline], Awaitable[bool]]


class Sharing:
    """See :class:`backends.sharing.Sharing`.

    Args:
        client: of the S3 API.
        api: the admin API.
        ownership: who owns a bucket.
        exists: whether there is a bucket of a name.
        signatures: reads answers to tenants.
    """

    def __init__(
        self,
        client: SignedClient,
        api: AdminApi,
        ownership: Ownership,
        exists: Exists,
        signatures: Signatures,
    ) -> None:
        self._api = api
        self._ownership = ownership
        self._exists = exists
        self._tenant = TenantAccess(client, CODES, signatures)

    async def probe(self, claim: Claim, deadline: Deadline) -> Probe:
        """Reads an object as the tenant."""
        return Probe(await self._tenant.read(claim, deadline))

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Offers a part of no upload as the tenant."""
        return await self._tenant.may_write(claim, deadline)

    async def shares(self, bucket: str, deadline: Deadline) -> Mapping[str, Access]:
        """Those that a policy is attached to; who has both may do the more."""
        names = {_name(access, bucket): access for access in Access}
        found = await self._api.call(
            "policy-entities",
            lambda admin: admin.get_policy_entities([], [], list(names)),
            deadline,
            encrypted=True,
        )
        told: dict[str, Access] = {}
        for mapping in jsonbody.mappings(found.document, "policyMappings"):
            access = names.get(str(mapping.get("policy")))
            for user in jsonbody.texts(mapping, "users") if access else ():
                if access is not None and not (user in told and told[user].covers(access)):
                    told[user] = access
        return told

    async def share(self, claim: Claim, deadline: Deadline) -> bool:
        """Attaches the policy for the access, then takes the other one away."""
        access, bucket = claim.access, claim.bucket
        if access is None or not await self._exists(bucket, deadline):
            return False
        if claim.user in await self._ownership.owners(bucket, deadline):
            return False
        name, document = _name(access, bucket), canned(access, bucket)
        there = await self._ownership.policy(name, deadline)
        if there is None or not same(there, document):
            await self._api.call(
                "add-policy", lambda admin: admin.policy_add(name, policy=document), deadline
            )
        reply = await self._api.call(
            "attach-policy",
            lambda admin: admin.attach_policy([name], user=claim.user),
            deadline,
            encrypted=True,
            expected=frozenset({ALREADY_APPLIED, NO_SUCH_USER}),
            read=False,
        )
        if reply.code == NO_SUCH_USER:
            return False
        others = [_name(other, bucket) for other in Access if other is not access]
        taken = await self._detach(others, claim.user, deadline)
        return taken or not reply.code or there is None or not same(there, document)

    async def unshare(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Detaches both policies from the user."""
        return await self._detach([_name(access, bucket) for access in Access], user, deadline)

    async def revoke(self, bucket: str, deadline: Deadline) -> None:
        """Takes every access to a bucket away.

        MinIO removes no policy that is attached, so where there is none nobody has it.
        """
        if not await self._policies(bucket, deadline):
            return
        for user in await self.shares(bucket, deadline):
            await self.unshare(bucket, user, deadline)

    async def forget(self, bucket: str, deadline: Deadline) -> None:
        """Removes the policies of a bucket that is gone, after taking them from all who have one.

        Raises:
            ServerFault: somebody was given one meanwhile.
        """
        await self.revoke(bucket, deadline)
        for name in await self._policies(bucket, deadline):
            await self._remove(name, deadline)

    async def _policies(self, bucket: str, deadline: Deadline) -> list[str]:
        """Those of the bucket's policies that are there."""
        names = [_name(access, bucket) for access in Access]
        return [name for name in names if await self._ownership.policy(name, deadline) is not None]

    async def _detach(self, policies: Iterable[str], user: str, deadline: Deadline) -> bool:
        """Detaches one after the other: of several, one that isn't attached stops all.

        Raises:
            Disabled: the user is, and MinIO takes nothing from it.
        """
        taken = False
        for policy in policies:
            reply = await self._api.call(
                "detach-policy",
                partial(_detaching, policy, user),
                deadline,
                encrypted=True,
                expected=_NOTHING_TAKEN,
                read=False,
            )
            if reply.code == NO_SUCH_USER and await self._ownership.is_there(user, deadline):
                raise Disabled(
                    "The bucket is shared with a user that was disabled, from which MinIO takes "
                    "nothing: an administrator has to delete or to enable it on the store."
                )
            taken = taken or not reply.code
        return taken

    async def _remove(self, name: str, deadline: Deadline) -> None:
        reply = await self._api.call(
            "remove-policy",
            lambda admin: admin.policy_remove(name),
            deadline,
            expected=frozenset({POLICY_IN_USE, NO_SUCH_POLICY}),
        )
        if reply.code == POLICY_IN_USE:
            raise ServerFault("The bucket was shared while it was to be deleted.")


def _detaching(policy: str, user: str, admin: MinioAdmin) -> str:
    return admin.detach_policy([policy], user=user)


def _name(access: Access, bucket: str) -> str:
    return f"{_PREFIX}-{access.value}-{bucket}"
