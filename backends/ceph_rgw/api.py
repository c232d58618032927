"""Ceph RGW's admin API: all in the query, answers in JSON, signed like S3 by the administrator.

Secrets of users stand in the query too: nothing here is ever logged, nor put into an error. Seen
with Ceph 16.2.15, which answers 501 to a request with a body.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from backends.base import Answer, Connection, Credentials, Observer
from backends.ceph_rgw.errors import CODES, LOST_RACE
from backends.errors import ServerFault
from backends.wire import jsonbody
from backends.wire.deadline import Deadline
from backends.wire.pool import ANSWER_LIMIT
from backends.wire.signing import SignedClient

# Before a request comes again that lost a race.
_PAUSES = (0.05, 0.2)
# All buckets with their owners in one answer, 1.5 kB each.
_LISTING_LIMIT = 256 * 1024 * 1024
_LONG = 256 * 1024


class AdminApi:
    """Sends the calls; for the tasks of one event loop.

    Args:
        connection: the store's, with its admin endpoint.
        observe: told of every request sent.
    """

    def __init__(self, connection: Connection, observe: Observer) -> None:
        # Refusals of another store's are XML, and so never read as this one's "there is none".
        self._client = SignedClient(connection.admin_endpoint, connection, observe, _error)
        self._admin: Credentials = connection.admin

    async def call(
        self,
        method: str,
        resource: str,
        operation: str,
        deadline: Deadline,
        query: Mapping[str, str],
        *,
        limit: int = ANSWER_LIMIT,
        repeat: bool = True,
    ) -> Answer:
        """Sends one call; see :meth:`SignedClient.request`.

        Args:
            method: HTTP method.
            resource: ``user`` or ``bucket``.
            operation: its name in the metrics.
            deadline: of the sync.
            query: parameters, not encoded.
            limit: how many bytes of an answer are read at most.
            repeat: whether it is tried again where the answer is lost, or says that another
                request was faster.
        """
        for pause in (*_PAUSES, None):
            answer = await self._client.request(
                method,
                ["admin", resource],
                operation=operation,
                credentials=self._admin,
                deadline=deadline,
                query=query,
                limit=limit,
                repeat=repeat,
            )
            if answer.code != LOST_RACE or not repeat or pause is None:
                break
            await asyncio.sleep(min(pause, deadline.remaining()))
        return answer

    async def all_buckets(self, deadline: Deadline) -> list[dict[str, Any]]:
        """Every bucket as the store describes it: costs more with each, so on rare paths only."""
        answer = await self.call(
            "GET", "bucket", "list_all", deadline, {"stats": "True"}, limit=_LISTING_LIMIT
        )
        if len(answer.body) < _LONG:
            return documents(answer)
        # Nothing else is answered while this thread parses.
        return await asyncio.to_thread(documents, answer)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()


def document(answer: Answer) -> dict[str, Any]:
    """A successful answer's object.

    Raises:
        StoreError: what another answer means.
    """
    return jsonbody.document(CODES.require(answer).body)


def documents(answer: Answer) -> list[dict[str, Any]]:
    """A successful answer's list of objects.

    Raises:
        StoreError: what another answer means.
    """
    return jsonbody.mappings({"listed": _listed(answer)}, "listed")


def names(answer: Answer) -> list[str]:
    """A successful answer's list of names.

    Raises:
        StoreError: what another answer means.
    """
    return jsonbody.texts({"listed": _listed(answer)}, "listed")


def _listed(answer: Answer) -> list[Any]:
    CODES.require(answer)
    try:
        listed = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _nonsense() from None
    if not isinstance(listed, list):
        raise _nonsense()
    return listed


def _nonsense() -> ServerFault:
    return ServerFault("The store's answer is not the JSON that was expected.")


def _error(content: bytes) -> tuple[str, str]:
    return jsonbody.error(content, "Code", "Message")
