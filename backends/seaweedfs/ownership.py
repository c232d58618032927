"""Who owns a bucket of SeaweedFS's: whoever has this operator's inline policy for it.

No request tells who has a policy, and to ask every user takes longer the more there are. So each
owner stands in an index, too: a managed policy that is attached to nobody, whose name holds bucket
and user. It is written before the policy and removed after it, so nobody is missing in it; who is
in it and has no policy owns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from backends.errors import ServerFault
from backends.seaweedfs.api import IamApi
from backends.seaweedfs.errors import ALREADY_EXISTS, NO_SUCH_ENTITY
from backends.seaweedfs.policy import encoded, full_use, parse, same
from backends.wire.deadline import Deadline

PREFIX = "s3-resource-operator-bucket-"
_GONE = frozenset({NO_SUCH_ENTITY})
_EXISTS = frozenset({ALREADY_EXISTS})
_ARN = "arn:aws:iam:::policy/"
_PAGE = 100


class Ownership:
    """One inline policy for each bucket of a user's; for the tasks of one event loop.

    Args:
        api: the IAM API.
    """

    def __init__(self, api: IamApi) -> None:
        self._api = api

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
        fields = {"UserName": user, "PolicyName": PREFIX + bucket}
        found = await self._api.call("GetUserPolicy", deadline, fields, expected=_GONE)
        if found.code:
            return None
        return same(parse(found.text("PolicyDocument")), full_use(bucket))

    async def listed(self, bucket: str, deadline: Deadline) -> list[str]:
        """Every user that has the bucket's policy, and maybe some that have it no more."""
        start = marker = _entry(bucket, "")
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
        document = encoded(full_use(bucket))
        async with self._api.writing(deadline):
            await self._api.call(
                "CreatePolicy",
                deadline,
                {"PolicyName": _entry(bucket, user), "PolicyDocument": document},
                expected=_EXISTS,
            )
            fields = {"UserName": user, "PolicyName": PREFIX + bucket, "PolicyDocument": document}
            written = await self._api.call("PutUserPolicy", deadline, fields, expected=_GONE)
            if written.code:
                await self._remove_entry(bucket, user, deadline)
            return not written.code

    async def take(self, bucket: str, users: Iterable[str], deadline: Deadline) -> None:
        """Removes the policy from those that have it."""
        for user in sorted(users):
            async with self._api.writing(deadline):
                fields = {"UserName": user, "PolicyName": PREFIX + bucket}
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
            if policy.startswith(PREFIX):
                await self._remove_entry(policy.removeprefix(PREFIX), user, deadline)

    async def _remove_entry(self, bucket: str, user: str, deadline: Deadline) -> None:
        fields = {"PolicyArn": _ARN + _entry(bucket, user)}
        await self._api.call("DeletePolicy", deadline, fields, expected=_GONE)


def _entry(bucket: str, user: str) -> str:
    """The name of an owner's entry: letters, digits, `-` and `_` are all that it may hold.

    Neither capitals nor `_` are in any bucket's name.
    """
    return f"{PREFIX}{bucket.replace('.', 'D')}_{user}"
