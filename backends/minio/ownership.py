"""Who owns a bucket of MinIO's: whoever this operator's policy for it is attached to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from minio.minioadmin import MinioAdmin

from backends.errors import ServerFault
from backends.minio.accounts import Accounts
from backends.minio.api import AdminApi
from backends.minio.errors import (
    ALREADY_APPLIED,
    NO_SUCH_GROUP,
    NO_SUCH_POLICY,
    NO_SUCH_USER,
    POLICY_IN_USE,
)
from backends.wire import jsonbody
from backends.wire.cannedpolicy import full_use, same
from backends.wire.deadline import Deadline

PREFIX = "s3-resource-operator-bucket-"
_NOTHING_TAKEN = frozenset({ALREADY_APPLIED, NO_SUCH_USER, NO_SUCH_GROUP, NO_SUCH_POLICY})
# Neither a space nor a bracket is in any access key that a Secret may name.
_GROUP = "(group) "


class Ownership:
    """One policy for each bucket, as a set of its owners; for the tasks of one event loop.

    Args:
        api: the admin API.
        accounts: who there is.
    """

    def __init__(self, api: AdminApi, accounts: Accounts) -> None:
        self._api = api
        self._accounts = accounts

    async def owners(self, bucket: str, deadline: Deadline) -> frozenset[str]:
        """All users and groups that have the bucket's policy; an encrypted request."""
        name = PREFIX + bucket
        found = await self._api.call(
            "policy-entities",
            lambda admin: admin.get_policy_entities([], [], [name]),
            deadline,
            encrypted=True,
        )
        mappings = jsonbody.mappings(found.document, "policyMappings")
        ours = [mapping for mapping in mappings if mapping.get("policy") == name]
        users = {user for mapping in ours for user in jsonbody.texts(mapping, "users")}
        groups = {_GROUP + group for mapping in ours for group in jsonbody.texts(mapping, "groups")}
        return frozenset(users | groups)

    async def is_intact(self, bucket: str, deadline: Deadline) -> bool:
        """Whether the policy says what this operator writes into it."""
        found = await self.policy(PREFIX + bucket, deadline) or {}
        return any(same(found, full_use(bucket, locked=locked)) for locked in (False, True))

    async def write(self, bucket: str, deadline: Deadline, *, locked: bool) -> None:
        """Makes the policy, or makes it what it ought to be."""
        document = full_use(bucket, locked=locked)
        await self._api.call(
            "add-policy",
            lambda admin: admin.policy_add(PREFIX + bucket, policy=document),
            deadline,
        )

    async def ensure(self, bucket: str, deadline: Deadline, *, locked: bool) -> bool:
        """Makes the policy as :meth:`write` does; whether there was one, so somebody may have it.

        MinIO attaches no policy that isn't there, and removes none that is attached: one that
        is made here is nobody's.
        """
        there = await self.policy(PREFIX + bucket, deadline)
        if there is None or not same(there, full_use(bucket, locked=locked)):
            await self.write(bucket, deadline, locked=locked)
        return there is not None

    async def give(self, bucket: str, user: str, deadline: Deadline) -> bool | None:
        """Attaches the policy; False if the user has it already, None if there is no user."""
        reply = await self._api.call(
            "attach-policy",
            lambda admin: admin.attach_policy([PREFIX + bucket], user=user),
            deadline,
            encrypted=True,
            expected=frozenset({ALREADY_APPLIED, NO_SUCH_USER}),
            read=False,
        )
        return None if reply.code == NO_SUCH_USER else not reply.code

    async def take(
        self, bucket: str, owners: Iterable[str], deadline: Deadline, *, repeat: bool = True
    ) -> bool:
        """Detaches the policy from those that have it; whether any had.

        Without `repeat` a lost answer is an error: a second would say that none had it.

        Raises:
            ServerFault: one was disabled, and MinIO takes nothing from it.
        """
        taken = False
        former = sorted(owners)
        for owner in former:
            # Before anything is taken from the others in vain. A disabled group is, besides, said
            # to be an internal error.
            if len(former) > 1 or group_of(owner) is not None:
                known = await self._known(owner, deadline)
                if known is not None and known.get("status") == "disabled":
                    raise _of_disabled()
        for owner in former:
            reply = await self._api.call(
                "detach-policy",
                _detaching(PREFIX + bucket, owner),
                deadline,
                encrypted=True,
                expected=_NOTHING_TAKEN,
                repeat=repeat,
                read=False,
            )
            # Also said of a disabled one.
            if reply.code == NO_SUCH_USER and await self._known(owner, deadline) is not None:
                raise _of_disabled()
            taken = taken or not reply.code
        return taken

    async def forget(self, bucket: str, deadline: Deadline, *, owned: bool) -> None:
        """Removes the policy of a bucket that is gone.

        Args:
            bucket: the bucket.
            deadline: of the sync.
            owned: whether it is taken away from who still has it; if not it then stays.
        """
        if await self._remove(bucket, deadline) or not owned:
            return
        await self.take(bucket, await self.owners(bucket, deadline), deadline)
        await self._remove(bucket, deadline)

    async def policy(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """Any policy's document, None if there is no such policy."""
        found = await self._api.call(
            "policy-info",
            lambda admin: admin.policy_info(name),
            deadline,
            expected=frozenset({NO_SUCH_POLICY}),
        )
        return None if found.code else found.document

    async def is_there(self, user: str, deadline: Deadline) -> bool:
        """Whether there is such a user, be it disabled or not."""
        return await self._known(user, deadline) is not None

    async def _known(self, owner: str, deadline: Deadline) -> dict[str, Any] | None:
        if (group := group_of(owner)) is not None:
            return await self._accounts.group(group, deadline)
        return await self._accounts.user(owner, deadline)

    async def _remove(self, bucket: str, deadline: Deadline) -> bool:
        """False if it is attached to somebody; one that isn't there counts as removed."""
        reply = await self._api.call(
            "remove-policy",
            lambda admin: admin.policy_remove(PREFIX + bucket),
            deadline,
            expected=frozenset({POLICY_IN_USE, NO_SUCH_POLICY}),
        )
        return reply.code != POLICY_IN_USE


def group_of(owner: str) -> str | None:
    """The group that one of the owners is, None if it is a user."""
    return owner.removeprefix(_GROUP) if owner.startswith(_GROUP) else None


def _of_disabled() -> ServerFault:
    return ServerFault(
        "The bucket belongs to a user or group that was disabled, from which MinIO takes nothing: "
        "an administrator has to delete or to enable it on the store."
    )


def _detaching(policy: str, owner: str) -> Callable[[MinioAdmin], str]:
    if (group := group_of(owner)) is not None:
        return lambda admin: admin.detach_policy([policy], group=group)
    return lambda admin: admin.detach_policy([policy], user=owner)
