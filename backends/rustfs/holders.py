"""Who has a bucket of RustFS's, or access to one: whoever this operator's policy is attached to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backends.rustfs.accounts import Accounts, of_group
from backends.rustfs.api import AdminApi
from backends.wire import jsonbody
from backends.wire.cannedpolicy import same
from backends.wire.deadline import Deadline

PREFIX = "s3-resource-operator-"
OWN = f"{PREFIX}bucket-"

Document = Mapping[str, Any]


class Holders:
    """One policy for each bucket, as a set of those that have it; for the tasks of one event loop.

    Args:
        api: the admin API.
        accounts: who there is.
        prefix: what the policies are called, before the bucket's name.
        documents: what a bucket's policy may say; the first is what is written.
    """

    def __init__(
        self,
        api: AdminApi,
        accounts: Accounts,
        prefix: str,
        *documents: Callable[[str], Document],
    ) -> None:
        self._api = api
        self._accounts = accounts
        self._prefix = prefix
        self._documents = documents

    async def listed(self, bucket: str, deadline: Deadline) -> frozenset[str]:
        """All users and groups that have the policy."""
        name = self._prefix + bucket
        found = await self._api.call(
            "GET", "idp/builtin/policy-entities", deadline, {"policy": name}
        )
        mappings = jsonbody.mappings(jsonbody.document(found.body), "policyMappings")
        ours = [mapping for mapping in mappings if mapping.get("policy") == name]
        users = {user for mapping in ours for user in jsonbody.texts(mapping, "users")}
        groups = {of_group(group) for each in ours for group in jsonbody.texts(each, "groups")}
        return frozenset(users | groups)

    async def is_there(self, bucket: str, deadline: Deadline) -> bool:
        """Whether there is the policy, so that somebody may have it."""
        return await self._accounts.policy(self._prefix + bucket, deadline) is not None

    async def is_intact(self, bucket: str, deadline: Deadline) -> bool:
        """Whether the policy says what this operator writes into it."""
        found = await self._accounts.policy(self._prefix + bucket, deadline) or {}
        return any(same(found, document(bucket)) for document in self._documents)

    async def ensure(
        self, bucket: str, deadline: Deadline, document: Document | None = None
    ) -> bool:
        """Makes the policy, or makes it what it ought to be; whether there was one.

        RustFS attaches no policy that isn't there, and removes none that is attached: one that is
        made here is nobody's.
        """
        wanted = self._documents[0](bucket) if document is None else document
        there = await self._accounts.policy(self._prefix + bucket, deadline)
        if there is None or not same(there, wanted):
            name = self._prefix + bucket
            await self._api.call("PUT", "add-canned-policy", deadline, {"name": name}, wanted)
        return there is not None

    async def give(self, bucket: str, user: str, deadline: Deadline) -> bool | None:
        """Attaches the policy; False if the user has it already, None if there is no user."""
        return await self._accounts.attach(self._prefix + bucket, user, deadline)

    async def take(self, bucket: str, owners: Iterable[str], deadline: Deadline) -> bool:
        """Detaches the policy from those that have it; whether any had."""
        taken = False
        for owner in sorted(owners):
            taken = await self._accounts.detach(self._prefix + bucket, owner, deadline) or taken
        return taken

    async def has(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Whether the user has the policy, whatever that says."""
        held = await self._accounts.policies(user, deadline) or set()
        return self._prefix + bucket in held

    async def forget(self, bucket: str, deadline: Deadline, *, owned: bool = True) -> None:
        """Removes the policy of a bucket that is gone.

        Args:
            bucket: the bucket.
            deadline: of the sync.
            owned: whether it is taken away from who still has it; if not it then stays.

        Raises:
            ServerFault: somebody was given it meanwhile.
        """
        if not await self.is_there(bucket, deadline):
            return
        owners = await self.listed(bucket, deadline)
        if owners and not owned:
            return
        await self.take(bucket, owners, deadline)
        name = self._prefix + bucket
        await self._api.call("DELETE", "remove-canned-policy", deadline, {"name": name})
