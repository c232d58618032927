"""RustFS's users and groups: looked up first, and changed one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from backends.base import Claim, User
from backends.errors import ServerFault, Unsupported
from backends.rustfs.api import AdminApi
from backends.rustfs.errors import CODES, INTERNAL_ERROR, INVALID_ARGUMENT, NO_SUCH_RESOURCE
from backends.rustfs.names import may_be_there, require_usable
from backends.wire import jsonbody
from backends.wire.cannedpolicy import grants_administration
from backends.wire.deadline import Deadline
from backends.wire.reach import reaches_any_bucket
from backends.wire.signing import SignedClient
from backends.wire.stranger import is_known
from backends.wire.turns import turn

# Neither a space nor a bracket is in any access key that a Secret may name.
_GROUP = "(group) "
# As many as can be lost one after the other to another replica's changes.
_TRIES = 4
_GONE = frozenset({NO_SUCH_RESOURCE})
# The keys that objects are encrypted with are managed through the admin API, too; these two
# actions are for who uses them.
_ADMINISTRATION = ("admin:", "kms:")
_USE_OF_KEYS = frozenset({"kms:GenerateDataKey", "kms:Decrypt"})
_NO_USER = frozenset({INVALID_ARGUMENT})


class Accounts:
    """Looks up users and groups, and changes what they are; for the tasks of one event loop.

    What one user has is changed by one request after the other: RustFS reads all its policies and
    writes them all, so of eight attached at once seven were lost, each answered by 200 (1.0.1).
    Another replica may still come in between, and so every change is read back.

    Args:
        api: the admin API.
        client: of the S3 API.
    """

    def __init__(self, api: AdminApi, client: SignedClient) -> None:
        self._api = api
        self._client = client
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def find(self, name: str, deadline: Deadline) -> User | None:
        """The user with what its policies say about administration and about others' buckets.

        Root, service accounts and the accounts of sessions are no users and yet known: they count
        as administrators, since nothing about them may be changed.

        Raises:
            ServerFault: the store answers with an error that nothing explains.
        """
        if (group := group_of(name)) is not None:
            return None if await self._group(group, deadline) is None else User(admin=False)
        if not may_be_there(name):
            return None
        found = await self._api.call(
            "GET", "user-info", deadline, {"accessKey": name}, expected=_GONE | {INTERNAL_ERROR}
        )
        if found.code == INTERNAL_ERROR:
            # Also said of a service account: this one tells of those as well.
            known = await self._api.call(
                "GET", "info-access-key", deadline, {"accessKey": name}, expected=_UNKNOWN_KEY
            )
            if known.code:
                raise CODES.admin_error(found)
            return User(admin=True)
        if found.code:
            return User(admin=True) if await self._is_known(name, deadline) else None
        info = jsonbody.document(found.body)
        policies = _names(info.get("policyName"))
        for group in jsonbody.texts(info, "memberOf"):
            policies |= _names((await self._group(group, deadline) or {}).get("policy"))
        documents = [await self.policy(policy, deadline) for policy in sorted(policies)]
        return User(
            admin=any(
                grants_administration(document or {}, _ADMINISTRATION, _USE_OF_KEYS)
                for document in documents
            ),
            disabled=info.get("status") == "disabled",
            broad=any(reaches_any_bucket(document or {}) for document in documents),
        )

    async def policies(self, owner: str, deadline: Deadline) -> set[str] | None:
        """The names of the policies that a user or group has; None if there is neither."""
        if (group := group_of(owner)) is not None:
            known = await self._group(group, deadline)
            return None if known is None else _names(known.get("policy"))
        found = await self._api.call(
            "GET", "user-info", deadline, {"accessKey": owner}, expected=_GONE
        )
        return None if found.code else _names(jsonbody.document(found.body).get("policyName"))

    async def policy(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        """A policy's document, None if there is no such policy."""
        found = await self._api.call(
            "GET", "info-canned-policy", deadline, {"name": name}, expected=_GONE
        )
        if found.code:
            return None
        return jsonbody.mapping(jsonbody.document(found.body), "policy")

    async def create(self, claim: Claim, deadline: Deadline) -> bool:
        """Adds the user, if there is nobody of that name: RustFS's add-user would take one over.

        Raises:
            Unsupported: there can be no such user.
        """
        require_usable(claim)
        async with self._turn(claim.user, deadline):
            if await self.find(claim.user, deadline) is not None:
                return False
            await self._api.call(
                "PUT",
                "add-user",
                deadline,
                {"accessKey": claim.user},
                {"secretKey": claim.secret.reveal(), "status": "enabled"},
            )
            return True

    async def set_secret(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives an existing user the claim's secret, and nothing else.

        Not by add-user, which would make a user that was just deleted and enable one that was just
        disabled.

        Raises:
            Unsupported: there can be no such user.
        """
        require_usable(claim)
        async with self._turn(claim.user, deadline):
            done = await self._api.call(
                "PUT",
                "set-user-secret-key",
                deadline,
                {"accessKey": claim.user},
                {"secret_key": claim.secret.reveal()},
                expected=_GONE,
            )
            return not done.code

    async def delete(self, name: str, deadline: Deadline) -> bool:
        """Removes the user with its access keys and with what is attached to it.

        Raises:
            Unsupported: it is root, or a service account.
        """
        async with self._turn(name, deadline):
            done = await self._api.call(
                "DELETE",
                "remove-user",
                deadline,
                {"accessKey": name},
                expected=_GONE | _NO_USER,
                # Not repeated when its answer is lost: the second would say that there was none.
                repeat=False,
            )
            if done.code == INVALID_ARGUMENT:
                raise Unsupported("Root and service accounts are never deleted.")
            return not done.code

    async def attach(self, policy: str, owner: str, deadline: Deadline) -> bool | None:
        """Attaches a policy; False if the user or group has it already, None if there is neither.

        Raises:
            ServerFault: it was lost to other changes again and again.
        """
        return await self._associate("attach", policy, owner, deadline)

    async def detach(self, policy: str, owner: str, deadline: Deadline) -> bool:
        """Detaches a policy; whether the user or group had it.

        Raises:
            ServerFault: it came back with other changes again and again.
        """
        return bool(await self._associate("detach", policy, owner, deadline))

    async def _associate(
        self, verb: str, policy: str, owner: str, deadline: Deadline
    ) -> bool | None:
        async with self._turn(owner, deadline):
            changed = False
            for _ in range(_TRIES):
                held = await self.policies(owner, deadline)
                if held is None:
                    return None
                if (policy in held) is (verb == "attach"):
                    return changed
                group = group_of(owner)
                who = {"user": owner} if group is None else {"group": group}
                await self._api.call(
                    "POST",
                    f"idp/builtin/policy/{verb}",
                    deadline,
                    body={"policies": [policy], **who},
                    # A user that is gone, which is seen next.
                    expected=_GONE | _NO_USER,
                )
                changed = True
            raise ServerFault(
                "The store lost the change of a user's policies, since others were made at the "
                "same time."
            )

    async def _group(self, name: str, deadline: Deadline) -> dict[str, Any] | None:
        found = await self._api.call("GET", "group", deadline, {"group": name}, expected=_GONE)
        return None if found.code else jsonbody.document(found.body)

    async def _is_known(self, name: str, deadline: Deadline) -> bool:
        return await is_known(
            name,
            lambda bucket, who: self._client.location("find_user", bucket, who, deadline),
            CODES,
        )

    @asynccontextmanager
    async def _turn(self, name: str, deadline: Deadline) -> AsyncIterator[None]:
        """Keeps everybody else of this process from changing the user or group."""
        lock = self._turns.setdefault(name, asyncio.Lock())
        async with turn(lock, deadline, "Other changes to the user took all of the sync's time."):
            yield


_UNKNOWN_KEY = frozenset({"InvalidRequest", INTERNAL_ERROR})


def of_group(name: str) -> str:
    """What a group is called among owners."""
    return _GROUP + name


def group_of(owner: str) -> str | None:
    """The group that one of the owners is, None if it is a user."""
    return owner.removeprefix(_GROUP) if owner.startswith(_GROUP) else None


def _names(listed: object) -> set[str]:
    return {name.strip() for name in str(listed or "").split(",")} - {""}
