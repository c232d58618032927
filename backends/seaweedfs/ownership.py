"""Who owns a bucket of SeaweedFS's: whoever has this operator's inline policy for it.

Who may only use it has another policy of the same kind, see :mod:`backends.seaweedfs.sharing`.

No request tells who has a policy, and to ask every user takes longer the more there are. So each
owner stands in an index, too: a managed policy that is attached to nobody, whose name holds bucket
and user. It is written before the policy and removed after it, so nobody is missing in it; who is
in it and has no policy owns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backends.errors import ServerFault
from backends.seaweedfs.api import IamApi
from backends.seaweedfs.errors import ALREADY_EXISTS, NO_SUCH_ENTITY
from backends.seaweedfs.policy import encoded, full_use, parse, same
from backends.wire.deadline import Deadline

OWN = "s3-resource-operator-"
"""How the names of all this operator's policies begin."""
PREFIX = f"{OWN}bucket-"
_GONE = frozenset({NO_SUCH_ENTITY})
_EXISTS = frozenset({ALREADY_EXISTS})
_ARN = "arn:aws:iam:::policy/"
_PAGE = 100


class Ownership:
    """One inline policy for each bucket of a user's; for the tasks of one event loop.

    Args:
        api: the IAM API.
        prefix: how the names of the policies begin.
        document: what the policy of a bucket says.
    """

    def __init__(
        self,
        api: IamApi,
        prefix: str = PREFIX,
        document: Callable[[str], dict[str, Any]] = full_use,
    ) -> None:
        self._api = api
        self._prefix = prefix
        self._document = document

    async def owners(self, bucket: str, deadline: Deadline) -> dict[str, bool]:
        """Every user that has the bucket's policy, and whether it says what it ought to."""
        owners = {}
        for user in await self.listed(bucket, deadline):
            intact = await self.has(bucket, user, deadline)
            if intact is not None:
                owners[user] = intact
        return owners

    async def has(self, bucket: str, user: str, deadline: Deadline) -> bool | None:
        """Whether a user's policy for the bucket says what it ought to; None if it has none."""
        fields = {"UserName": user, "PolicyName": self._prefix + bucket}
        found = await self._api.call("GetUserPolicy", deadline, fields, expected=_GONE)
        if found.code:
            return None
        return same(parse(found.text("PolicyDocument")), self._document(bucket))

    async def listed(self, bucket: str, deadline: Deadline) -> list[str]:
        """Every user that has the bucket's policy, and maybe some that have it no more."""
        start = marker = _entry(self._prefix, bucket, "")
        users = []
        while True:
            page = await self._api.call(
                "ListPolicies", deadline, {"Marker": marker, "MaxItems": str(_PAGE)}
            )
            names = page.texts("PolicyName")
            users += [name.removeprefix(start) for name in names if name.startswith(start)]
            if page.text("IsTruncated") != "true":
                return users
            last = names[-1] if names else ""
            if last <= marker:
                raise ServerFault("The store's list of policies doesn't go on where it ended.")
            if not last.startswith(start):
                return users
            marker = last

    async def give(self, bucket: str, user: str, deadline: Deadline) -> bool:
        """Writes the policy; False if there is no such user."""
        document = encoded(self._document(bucket))
        async with self._api.writing(deadline):
            await self._api.call(
                "CreatePolicy",
                deadline,
                {"PolicyName": _entry(self._prefix, bucket, user), "PolicyDocument": document},
                expected=_EXISTS,
            )
            fields = {
                "UserName": user,
                "PolicyName": self._prefix + bucket,
                "PolicyDocument": document,
            }
            written = await self._api.call("PutUserPolicy", deadline, fields, expected=_GONE)
            if written.code:
                await self._remove_entry(bucket, user, deadline)
            return not written.code

    async def take(self, bucket: str, users: Iterable[str], deadline: Deadline) -> None:
        """Removes the policy from those that have it."""
        for user in sorted(users):
            async with self._api.writing(deadline):
                fields = {"UserName": user, "PolicyName": self._prefix + bucket}
                await self._api.call("DeleteUserPolicy", deadline, fields, expected=_GONE)
                await self._remove_entry(bucket, user, deadline)

    async def take_all(self, user: str, policies: Iterable[str], deadline: Deadline) -> None:
        """Removes inline policies from a user, the caller has the turn for it.

        Deleting the user would remove them, too; before 4.53 they stayed, and came back with the
        next user of this name.
        """
        for policy in policies:
            fields = {"UserName": user, "PolicyName": policy}
            await self._api.call("DeleteUserPolicy", deadline, fields, expected=_GONE)
            if policy.startswith(OWN):
                entry = {"PolicyArn": _ARN + _entry("", policy, user)}
                await self._api.call("DeletePolicy", deadline, entry, expected=_GONE)

    async def _remove_entry(self, bucket: str, user: str, deadline: Deadline) -> None:
        fields = {"PolicyArn": _ARN + _entry(self._prefix, bucket, user)}
        await self._api.call("DeletePolicy", deadline, fields, expected=_GONE)


def _entry(prefix: str, bucket: str, user: str) -> str:
    """The name of an owner's entry: letters, digits, `-` and `_` are all that it may hold.

    Neither capitals nor `_` are in any bucket's name.
    """
    return f"{prefix}{bucket.replace('.', 'D')}_{user}"
