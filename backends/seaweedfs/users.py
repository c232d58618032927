"""SeaweedFS's users: each has the name of its one access key.

An identity of the configuration file or of `weed shell` (`s3.configure`) is none of them and is
never changed: a policy that is written on one takes its rights away for good (seen with 4.53).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from backends.base import Claim
from backends.errors import Rejected, Unsupported
from backends.seaweedfs.api import IamApi, Reply
from backends.seaweedfs.errors import ALREADY_EXISTS, NO_SUCH_ENTITY
from backends.seaweedfs.policy import administers, parse
from backends.wire.deadline import Deadline
from backends.wire.reach import reaches_any_bucket

_GONE = frozenset({NO_SUCH_ENTITY})
_EXISTS = frozenset({ALREADY_EXISTS})
# The one version that a policy has.
_VERSION = "v1"
_KEY_LENGTH = range(4, 129)


class KeyTaken(Rejected):
    """Another identity has the access key."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the store has under a user's name.

    Args:
        name: the user's name.
        policies: the names of its inline policies.
        keys: its access keys, and whether each is active.
    """

    name: str
    policies: tuple[str, ...]
    keys: dict[str, bool]

    @property
    def is_foreign(self) -> bool:
        """Whether its rights don't come from inline policies.

        The name is the one that SeaweedFS gives to rights that stand in no policy.
        """
        return f"{self.name}_policy" in self.policies

    @property
    def is_anothers(self) -> bool:
        """Whether it has access keys, and not the one that is its name."""
        return bool(self.keys) and self.name not in self.keys


@dataclass(frozen=True, slots=True)
class Rights:
    """What policies make of a user.

    Args:
        admin: whether any of them is one for administrators.
        broad: whether any lets it use buckets that it doesn't name in full.
    """

    admin: bool
    broad: bool = False


class Users:
    """Looks them up and changes them; for the tasks of one event loop.

    Args:
        api: the IAM API.
        own: how the names of this operator's own policies begin; they need not be read.
    """

    def __init__(self, api: IamApi, own: str) -> None:
        self._api = api
        self._own = own

    async def identity(self, name: str, deadline: Deadline) -> Identity | None:
        """What there is under a name, None for nothing; two requests."""
        policies = await self.policies(name, deadline)
        if policies is None:
            return None
        return Identity(name, policies, await self._keys(name, deadline))

    async def policies(self, name: str, deadline: Deadline) -> tuple[str, ...] | None:
        """The names of a user's inline policies, None if there is no such user."""
        reply = await self._api.call(
            "ListUserPolicies", deadline, {"UserName": name}, expected=_GONE
        )
        return None if reply.code else tuple(member.text or "" for member in reply.members())

    async def rights(self, identity: Identity, deadline: Deadline) -> Rights:
        """What the policies of the user and of its groups make of it."""
        broad = False
        if identity.is_foreign:
            return Rights(admin=True)
        async for policy in self._policies_of(identity, deadline):
            if administers(policy):
                return Rights(admin=True)
            broad = broad or reaches_any_bucket(policy)
        return Rights(admin=False, broad=broad)

    async def create(self, claim: Claim, deadline: Deadline) -> bool:
        """Makes the user with its access key, or only the key of one that has none.

        That one was left by a change of its secret, or by a call like this, which was cut short.

        Raises:
            Unsupported: SeaweedFS takes no such access key; nothing was made.
            KeyTaken: another identity has the access key; nothing is left.
            Rejected: it takes no such secret; nothing is left.
        """
        _require_key(claim.user)
        async with self._api.writing(deadline):
            made = await self._api.call(
                "CreateUser", deadline, {"UserName": claim.user}, expected=_EXISTS
            )
            if made.code:
                identity = await self.identity(claim.user, deadline)
                if identity is None or identity.keys:
                    return False
                if (await self.rights(identity, deadline)).admin:
                    return False
            try:
                return await self._give_key(claim, deadline)
            except Rejected:
                if not made.code:
                    await self._delete(claim.user, deadline, repeat=True)
                raise

    async def update(self, claim: Claim, deadline: Deadline) -> bool:
        """Gives the user the claim's secret, and takes all other access keys from it.

        Users may make further keys for themselves, unless the gateway forbids that: who has got
        hold of one must not keep it. The secret of a key can't be changed (UpdateAccessKey says
        so with 200), so it is deleted and made again. Cut short in between, the user has none,
        and the next call makes it as it makes a new user's.

        Raises:
            Rejected: SeaweedFS takes no such secret, or another identity has the access key;
                nothing was changed.
        """
        async with self._api.writing(deadline):
            # What it refuses is told before anything is deleted; the key itself is in use.
            tried = await self._make_key(claim, deadline)
            if tried.code == NO_SUCH_ENTITY:
                return False
            keys = await self._keys(claim.user, deadline)
            if tried.code and claim.user not in keys:
                raise _taken()
            for key in keys:
                if key != claim.user or tried.code:
                    await self._delete_key(claim.user, key, deadline)
            return not tried.code or await self._give_key(claim, deadline)

    async def delete(self, identity: Identity, deadline: Deadline) -> bool:
        """Deletes a user with its access keys; its policies are gone already."""
        for key in identity.keys:
            await self._delete_key(identity.name, key, deadline)
        # Not repeated when its answer is lost: the second would say that there was none.
        return await self._delete(identity.name, deadline, repeat=False)

    async def _give_key(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether the user has its access key now, by this call or by one that was lost."""
        made = await self._make_key(claim, deadline)
        if made.code == ALREADY_EXISTS:
            if claim.user in await self._keys(claim.user, deadline):
                return True
            raise _taken()
        return not made.code

    async def _make_key(self, claim: Claim, deadline: Deadline) -> Reply:
        fields = {
            "UserName": claim.user,
            "AccessKeyId": claim.user,
            "SecretAccessKey": claim.secret.reveal(),
        }
        return await self._api.call("CreateAccessKey", deadline, fields, expected=_EXISTS | _GONE)

    async def _delete_key(self, user: str, key: str, deadline: Deadline) -> None:
        """Deletes an access key; one that is gone is no error."""
        await self._api.call("DeleteAccessKey", deadline, {"UserName": user, "AccessKeyId": key})

    async def _delete(self, name: str, deadline: Deadline, *, repeat: bool) -> bool:
        deleted = await self._api.call(
            "DeleteUser", deadline, {"UserName": name}, expected=_GONE, repeat=repeat
        )
        return not deleted.code

    async def _keys(self, name: str, deadline: Deadline) -> dict[str, bool]:
        """A user's access keys; none also where there is no such user."""
        reply = await self._api.call("ListAccessKeys", deadline, {"UserName": name})
        return {
            member.findtext("AccessKeyId") or "": member.findtext("Status") == "Active"
            for member in reply.members()
        }

    async def _policies_of(
        self, identity: Identity, deadline: Deadline
    ) -> AsyncIterator[dict[str, Any]]:
        """All that give the user something, but this operator's own."""
        of_user = {"UserName": identity.name}
        for name in identity.policies:
            if name.startswith(self._own):
                continue
            fields = {**of_user, "PolicyName": name}
            found = await self._api.call("GetUserPolicy", deadline, fields, expected=_GONE)
            if not found.code:
                yield parse(found.text("PolicyDocument"))
        async for policy in self._attached("User", of_user, deadline):
            yield policy
        groups = await self._api.call("ListGroupsForUser", deadline, of_user, expected=_GONE)
        for group in groups.texts("GroupName"):
            of_group = {"GroupName": group}
            named = await self._api.call("ListGroupPolicies", deadline, of_group, expected=_GONE)
            for member in named.members():
                fields = {**of_group, "PolicyName": member.text or ""}
                found = await self._api.call("GetGroupPolicy", deadline, fields, expected=_GONE)
                if not found.code:
                    yield parse(found.text("PolicyDocument"))
            async for policy in self._attached("Group", of_group, deadline):
                yield policy

    async def _attached(
        self, whose: str, fields: dict[str, str], deadline: Deadline
    ) -> AsyncIterator[dict[str, Any]]:
        """The managed policies that are attached to a user or group."""
        attached = await self._api.call(
            f"ListAttached{whose}Policies", deadline, fields, expected=_GONE
        )
        for arn in attached.texts("PolicyArn"):
            version = {"PolicyArn": arn, "VersionId": _VERSION}
            found = await self._api.call("GetPolicyVersion", deadline, version, expected=_GONE)
            if not found.code:
                yield parse(found.text("Document"))


def _taken() -> KeyTaken:
    return KeyTaken(
        "The store refuses the access key, which another of its identities has: choose another."
    )


def _require_key(key: str) -> None:
    if len(key) not in _KEY_LENGTH or not (key.isascii() and key.isalnum()):
        raise Unsupported(
            "SeaweedFS takes 4 to 128 letters and digits as an access key: choose another."
        )
