"""Tells one user's wrong secret from an endpoint at which nobody's signature counts.

A proxy that changes what is signed, the host or the path, makes every signature a wrong one, and
the store answers each user as if its secret were another. Where users are written past that proxy,
the secret would be written anew at each try, and never be what is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from backends.base import Answer, Connection, Gap
from backends.errors import SignaturesRefused
from backends.wire.codes import Codes
from backends.wire.deadline import Deadline
from backends.wire.signing import SignedClient
from backends.wire.stranger import ANY_BUCKET

# The admin API is asked for as long at most once: it may list all users.
_REMEMBERED_SECONDS = 60.0


class Signatures:
    """Reads answers to tenants, and asks as the operator where that alone can tell.

    That is where a secret counts as wrong and no signature was accepted since the process began, or
    since a user was written last. What is as it was, what is new and what is rotated cost nothing.

    Args:
        client: of the S3 API.
        connection: which ways lead to the store, and as whom.
        codes: what its answers mean.
        check: asks the admin API for something that takes the operator's own credentials.
    """

    def __init__(
        self,
        client: SignedClient,
        connection: Connection,
        codes: Codes,
        check: Callable[[Deadline], Awaitable[object]],
    ) -> None:
        self._client = client
        self._admin = connection.admin
        self._codes = codes
        self._check = check
        self._one_way = connection.endpoint == connection.admin_endpoint
        # What refuses the operator as well refuses it before it writes anything.
        self._proven = self._one_way
        self._accepted_until = 0.0

    async def gap(self, answer: Answer, deadline: Deadline) -> Gap:
        """What an answer to a tenant says is missing.

        Raises:
            SignaturesRefused: it says nothing of the tenant, see :meth:`require`.
            StoreError: it says something else, or the store can't be asked.
        """
        gap = self._codes.gap(answer)
        if gap is Gap.ACCEPTED:
            self.accepted()
        elif gap is Gap.WRONG_SECRET and not self._proven:
            await self.require(deadline)
        return gap

    def accepted(self) -> None:
        """Somebody's signature was accepted."""
        self._proven = True

    def doubted(self) -> None:
        """A user was written: if its secret is refused now, it is asked whether any would be."""
        self._proven = False

    async def require(self, deadline: Deadline) -> None:
        """Asks as the operator whether a right signature is accepted.

        An endpoint that doesn't know the operator, such as a gateway with another root account,
        tells nothing.

        Raises:
            SignaturesRefused: it isn't, and the admin API accepts the operator's credentials.
            CredentialsRejected: nor does that.
            StoreError: the store can't be asked.
        """
        answer = await self._client.request(
            "GET",
            [ANY_BUCKET],
            operation="prove_signature",
            credentials=self._admin,
            deadline=deadline,
            query={"location": ""},
        )
        gap = self._codes.gap(answer)
        if gap is Gap.WRONG_SECRET:
            self.doubted()
            if time.monotonic() >= self._accepted_until:
                await self._check(deadline)
                self._accepted_until = time.monotonic() + _REMEMBERED_SECONDS
            raise SignaturesRefused(
                "At S3_ENDPOINT_URL the store refuses the operator's own signature too, which its "
                "admin API accepts: most likely a proxy or an ingress changes the request's host "
                "or path, which are signed. No user is changed until that is mended."
            )
        if gap is not Gap.NO_USER:
            self.accepted()

    async def check(self, deadline: Deadline) -> None:
        """The same as :meth:`require`, where the admin API is reached by another way.

        Raises:
            StoreError: see there.
        """
        if not self._one_way:
            await self.require(deadline)
