"""SeaweedFS's IAM API: AWS's query protocol, on the port of the S3 API."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from backends.base import Answer, Connection, Observer
from backends.seaweedfs.errors import ACCESS_DENIED, CODES, NO_SUCH_ENTITY, read_only
from backends.wire import xmlbody
from backends.wire.deadline import Deadline
from backends.wire.pool import HttpPool
from backends.wire.sigv4 import signed
from backends.wire.turns import turn

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_VERSION = "2010-05-08"
_FORM = "application/x-www-form-urlencoded; charset=utf-8"
# Lists come whole: the names of all managed policies, where the marker is past none of ours.
_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to; `code` is that of an error that the caller expected."""

    root: Element | None = None
    code: str = ""

    def text(self, name: str) -> str:
        """The first element of that name; empty where there is none."""
        found = None if self.root is None else next(self.root.iter(name), None)
        return "" if found is None else found.text or ""

    def texts(self, name: str) -> list[str]:
        """All elements of that name."""
        return [] if self.root is None else [found.text or "" for found in self.root.iter(name)]

    def members(self) -> list[Element]:
        """The elements of a list."""
        return [] if self.root is None else list(self.root.iter("member"))


class IamApi:
    """Sends actions as the administrator; for the tasks of one event loop.

    Args:
        connection: where, and as whom.
        observe: told of every request sent.
    """

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._pool = HttpPool(connection.admin_endpoint, connection, observe, xmlbody.error)
        self._admin = connection.admin
        self._region = connection.region
        # The gateway takes one action at a time, and what several of them make together is
        # not to be mixed with another's.
        self._writes = asyncio.Lock()

    def writing(self, deadline: Deadline) -> AbstractAsyncContextManager[None]:
        """Held while several actions make one change."""
        return turn(
            self._writes,
            deadline,
            "Other changes to the store's users took all of the sync's time.",
        )

    async def call(
        self,
        action: str,
        deadline: Deadline,
        fields: Mapping[str, str],
        *,
        expected: frozenset[str] = frozenset(),
        repeat: bool = True,
    ) -> Reply:
        """Takes one action.

        Args:
            action: its name, in the API and in the metrics.
            deadline: of the sync.
            fields: its parameters, not encoded.
            expected: error codes that are answered rather than raised.
            repeat: whether a connection that breaks is tried once more.

        Raises:
            Misconfigured: the action changes something, and the API takes no changes.
            ServerFault: the answer is another one's.
            StoreError: any other error.
        """
        answer = await self._send(action, deadline, fields, repeat=repeat)
        if not answer.ok:
            if answer.code in expected:
                return Reply(code=answer.code)
            if answer.code == ACCESS_DENIED and await self._is_read_only(deadline):
                raise read_only()
            raise CODES.admin_error(answer)
        return Reply(xmlbody.expect(answer.body, f"{action}Response"))

    async def check(self, deadline: Deadline) -> None:
        """Proves that users can be changed, by deleting one that can't be there."""
        nobody = {"UserName": _nobody()}
        await self.call("DeleteUser", deadline, nobody, expected=frozenset({NO_SUCH_ENTITY}))

    async def close(self) -> None:
        """Closes the connections."""
        await self._pool.close()

    async def _is_read_only(self, deadline: Deadline) -> bool:
        """Whether a change was refused to somebody who may look: the code is the same for both."""
        answer = await self._send("GetUser", deadline, {"UserName": _nobody()}, repeat=True)
        return answer.code == NO_SUCH_ENTITY

    async def _send(
        self, action: str, deadline: Deadline, fields: Mapping[str, str], *, repeat: bool
    ) -> Answer:
        target = self._pool.prefix + "/"
        form = {"Action": action, "Version": _VERSION, **fields}
        body = urlencode(form).encode()
        return await self._pool.send(
            "POST",
            target,
            lambda: self._sign(target, body),
            operation=action,
            deadline=deadline,
            body=body,
            limit=_LIMIT,
            repeat=repeat,
        )

    def _sign(self, target: str, body: bytes) -> Mapping[str, str]:
        headers = {"Content-Type": _FORM, "Host": self._pool.host}
        url = self._pool.origin + target
        return signed("POST", url, headers, body, self._admin, region=self._region, service="iam")


def _nobody() -> str:
    """A name that no user has."""
    return f"nobody-{secrets.token_hex(16)}"
