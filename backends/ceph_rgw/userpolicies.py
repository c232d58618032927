"""Policies of Ceph RGW's users, which may let one into buckets that are not its own.

They stand in the gateway's IAM API alone: the admin API's description of a user says nothing of
them. To read them takes the cap ``user-policy=read``; the operator needs no such cap otherwise, and
without it takes a user for one that has none (seen with Ceph 16.2.15).
"""

from __future__ import annotations

from backends.base import Answer, Credentials
from backends.ceph_rgw.errors import CODES
from backends.errors import ServerFault
from backends.wire import jsonbody, xmlbody
from backends.wire.deadline import Deadline
from backends.wire.reach import reaches_any_bucket
from backends.wire.signing import SignedClient

# Without the cap; where the gateway serves no IAM API.
_UNTOLD = frozenset({"AccessDenied", "MethodNotAllowed", "NotImplemented"})
_GONE = frozenset({"NoSuchEntity", "NoSuchUser"})


class UserPolicies:
    """Reads them; for the tasks of one event loop.

    Args:
        client: of the S3 API, beside which the IAM API is.
        admin: the operator's own credentials.
    """

    def __init__(self, client: SignedClient, admin: Credentials) -> None:
        self._client = client
        self._admin = admin

    async def are_broad(self, user: str, deadline: Deadline) -> bool:
        """Whether any of a user's lets it use buckets that it doesn't name in full.

        False also where the operator may not read them.

        Raises:
            StoreError: the store can't be asked, or answers with what is no policy.
        """
        answer = await self._ask("ListUserPolicies", deadline, UserName=user)
        if answer.code in _UNTOLD | _GONE:
            return False
        listed = xmlbody.expect(CODES.require(answer).body, "ListUserPoliciesResponse")
        for member in listed.iterfind(".//PolicyNames/member"):
            answer = await self._ask(
                "GetUserPolicy", deadline, UserName=user, PolicyName=member.text or ""
            )
            if answer.code in _GONE:
                continue
            found = xmlbody.expect(CODES.require(answer).body, "GetUserPolicyResponse")
            if reaches_any_bucket(_parsed(found.findtext(".//PolicyDocument") or "")):
                return True
        return False

    async def _ask(self, action: str, deadline: Deadline, **fields: str) -> Answer:
        return await self._client.request(
            "POST",
            [],
            operation="read_user_policies",
            credentials=self._admin,
            deadline=deadline,
            query={"Action": action, "Version": "2010-05-08", **fields},
        )


def _parsed(document: str) -> dict[str, object]:
    """A policy with its one statement in a list, which may stand by itself."""
    found = jsonbody.parse(document)
    if found is None:
        raise ServerFault("The store's answer is not the policy that was expected.")
    statements = found.get("Statement")
    return {**found, "Statement": [statements] if isinstance(statements, dict) else statements}
