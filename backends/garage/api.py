"""Garage's admin API: JSON with a bearer token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from backends.base import Answer, Connection, Observer
from backends.errors import ServerFault
from backends.garage.errors import CODES
from backends.wire import jsonbody
from backends.wire.deadline import Deadline
from backends.wire.pool import HttpPool


class AdminApi:
    """Sends commands; for the tasks of one event loop.

    Args:
        connection: where, and the token.
        observe: told of every request sent.
    """

    def __init__(self, connection: Connection, observe: Observer) -> None:
        self._token = connection.admin.secret
        self._pool = HttpPool(connection.admin_endpoint, connection, observe, _error)

    async def get(self, command: str, deadline: Deadline, **query: str) -> Answer:
        """Sends a command that changes nothing.

        Args:
            command: its name, in the API and in the metrics.
            deadline: of the sync.
            query: its parameters, not encoded.
        """
        return await self._send("GET", command, query, b"", deadline, repeat=True)

    async def post(
        self,
        command: str,
        deadline: Deadline,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        repeat: bool = True,
    ) -> Answer:
        """Sends a command that changes something.

        Args:
            command: its name, in the API and in the metrics.
            deadline: of the sync.
            query: its parameters, not encoded.
            body: what is sent as JSON.
            repeat: whether a connection that breaks is tried once more.
        """
        content = b"" if body is None else json.dumps(body).encode()
        return await self._send("POST", command, query, content, deadline, repeat=repeat)

    async def close(self) -> None:
        """Closes the connections."""
        await self._pool.close()

    async def _send(
        self,
        method: str,
        command: str,
        query: Mapping[str, str] | None,
        body: bytes,
        deadline: Deadline,
        *,
        repeat: bool,
    ) -> Answer:
        target = f"{self._pool.prefix}/v2/{command}"
        if query:
            target += "?" + urlencode(query, quote_via=quote)
        headers = {
            "Authorization": f"Bearer {self._token.reveal()}",
            "Content-Type": "application/json",
        }
        return await self._pool.send(
            method,
            target,
            lambda: headers,
            operation=command,
            deadline=deadline,
            body=body,
            repeat=repeat,
        )


def document(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object.

    Raises:
        StoreError: the answer is an error, or something else than JSON.
    """
    return jsonbody.document(CODES.require(answer).body)


def bucket_id(bucket: Mapping[str, Any]) -> str:
    """What commands name a bucket by, from what is told about it.

    Raises:
        ServerFault: it isn't told.
    """
    found = bucket.get("id")
    if not isinstance(found, str):
        raise ServerFault("The store's answer names no id of the bucket.")
    return found


def _error(content: bytes) -> tuple[str, str]:
    return jsonbody.error(content, "code", "message")
