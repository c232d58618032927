"""VersityGW's admin API: XML over S3-signed PATCH requests, signed by the administrator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar
from xml.etree.ElementTree import Element

from backends.base import Answer, Credentials
from backends.versitygw.errors import CODES
from backends.wire import xmlbody
from backends.wire.deadline import Deadline
from backends.wire.pool import ANSWER_LIMIT
from backends.wire.shared import Shared
from backends.wire.signing import SignedClient

# list-users and list-buckets answer with everything at once.
_LISTING_LIMIT = 256 * 1024 * 1024
_LISTING_SECONDS = 60.0
_LONG = 256 * 1024


T = TypeVar("T")


class AdminApi:
    """Sends the commands; for the tasks of one event loop.

    Args:
        client: of the admin endpoint.
        admin: who signs.
    """

    def __init__(self, client: SignedClient, admin: Credentials) -> None:
        self._client = client
        self._admin = admin
        # Its cost grows with the users, and many ask when many secrets are rotated.
        self._roles = Shared(self._list_roles)

    async def call(
        self,
        command: str,
        deadline: Deadline,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int = ANSWER_LIMIT,
        *,
        repeat: bool = True,
    ) -> Answer:
        """Sends one command; see :meth:`SignedClient.request`."""
        return await self._client.request(
            "PATCH",
            [command],
            operation=command.replace("-", "_"),
            credentials=self._admin,
            deadline=deadline,
            query=query,
            body=body,
            limit=limit,
            repeat=repeat,
        )

    async def roles(self, deadline: Deadline) -> Mapping[str, str]:
        """Every user's role by its access key; root is none of them."""
        return await self._roles.get(deadline)

    async def listed(
        self,
        what: str,
        root: str,
        element: str,
        read: Callable[[Iterator[Element]], T],
        deadline: Deadline,
    ) -> T:
        """Something about all users or all buckets.

        Args:
            what: ``users`` or ``buckets``.
            root: the tag of the list.
            element: the tag of one.
            read: is given each; in another thread where there are many.
            deadline: of the sync.

        Raises:
            StoreError: they can't be had.
        """
        answer = await self.call(f"list-{what}", deadline, limit=_LISTING_LIMIT)
        CODES.require(answer)

        def found() -> T:
            return read(xmlbody.expect(answer.body, root).iter(element))

        if len(answer.body) < _LONG:
            return found()
        # Nothing else is answered while this thread parses.
        return await asyncio.to_thread(found)

    async def _list_roles(self) -> Mapping[str, str]:
        return await self.listed(
            "users", "ListUserAccountsResult", "Accounts", _roles, Deadline(_LISTING_SECONDS)
        )


def _roles(accounts: Iterator[Element]) -> Mapping[str, str]:
    # Not their secrets, which are in the answer too.
    return {
        account.findtext("Access") or "": account.findtext("Role") or "" for account in accounts
    }
