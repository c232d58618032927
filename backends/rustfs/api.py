"""RustFS's own admin API: JSON in the clear both ways, errors in XML, signed like S3.

Its copy of MinIO's admin API encrypts answers in a way that no released client of MinIO's can
read (RustFS 1.0.1), so it is not used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backends.base import Answer, Connection, Observer
from backends.rustfs.errors import CODES
from backends.wire.deadline import Deadline
from backends.wire.pool import ANSWER_LIMIT
from backends.wire.signing import SignedClient

_PREFIX = ("rustfs", "admin", "v3")
_NOTHING: Mapping[str, str] = {}


class AdminApi:
    """Sends the calls; for the tasks of one event loop.

    Args:
        connection: where, and as whom.
        observe: told of every request sent.
    """

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._client = SignedClient(connection.admin_endpoint, connection, observe)
        self._admin = connection.admin

    async def call(
        self,
        method: str,
        path: str,
        deadline: Deadline,
        query: Mapping[str, str] = _NOTHING,
        body: Mapping[str, Any] | None = None,
        *,
        expected: frozenset[str] = frozenset(),
        repeat: bool = True,
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        """Makes one call; its last part is its name in the metrics.

        Args:
            method: HTTP method.
            path: the call, below the API's address.
            deadline: of the sync.
            query: parameters, not encoded.
            body: sent as JSON.
            expected: error codes that are answered rather than raised.
            repeat: whether a connection that breaks is tried once more.
            limit: how many bytes of an answer are read at most.

        Raises:
            StoreError: what another answer means.
        """
        answer = await self._client.request(
            method,
            [*_PREFIX, *path.split("/")],
            operation=path.rpartition("/")[2],
            credentials=self._admin,
            deadline=deadline,
            query=query,
            body=b"" if body is None else json.dumps(body).encode(),
            repeat=repeat,
            limit=limit,
        )
        return answer if answer.code in expected else CODES.require(answer)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()
