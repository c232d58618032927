"""Garage's admin API: JSON with a bearer token, and what its answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from backends.base import Answer, Connection, Observer
from backends.errors import CredentialsRejected, ServerFault, StoreError, error_for
from backends.wire import jsonbody
from backends.wire.deadline import Deadline
from backends.wire.pool import HttpPool

_EXPECTED_REGION = re.compile(r"expected: '[0-9]+/([^/' ]+)/")


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


def require(answer: Answer) -> None:
    """Lets only an answer pass that says yes.

    Raises:
        StoreError: it is an error.
    """
    if answer.ok:
        return
    if answer.code == "AccessDenied":
        raise CredentialsRejected(
            "The store refuses the operator's own credentials: S3_ADMIN_TOKEN is not an admin "
            "token of this Garage, or its scope leaves out what is needed."
        )
    raise error_for(answer.status, answer.code, answer.message, admin=True)


def document(answer: Answer) -> dict[str, Any]:
    """The answer's JSON object.

    Raises:
        StoreError: the answer is an error, or something else than JSON.
    """
    require(answer)
    found = jsonbody.parse(answer.body)
    if found is None:
        raise ServerFault("The store's answer is not the JSON that was expected.")
    return found


def bucket_id(bucket: Mapping[str, Any]) -> str:
    """What commands name a bucket by, from what is told about it.

    Raises:
        ServerFault: it isn't told.
    """
    found = bucket.get("id")
    if not isinstance(found, str):
        raise ServerFault("The store's answer names no id of the bucket.")
    return found


def s3_error(answer: Answer) -> StoreError:
    """What an answer of the S3 API means that the probe doesn't know.

    Two of Garage's errors are told apart by their words only, and one names today's date, which
    no message may.
    """
    if answer.code == "AuthorizationHeaderMalformed":
        region = _EXPECTED_REGION.search(answer.message)
        words = f"it expects {region[1]}" if region else "it expects another"
        return error_for(answer.status, answer.code, words, admin=False)
    if answer.code == "InvalidRequest" and "Date is too old" in answer.message:
        return error_for(answer.status, "RequestTimeTooSkewed", answer.message, admin=False)
    return error_for(answer.status, answer.code, answer.message, admin=False)


def _error(content: bytes) -> tuple[str, str]:
    return jsonbody.error(content, "code", "message")
