"""Tells a store that isn't the one of BACKEND_NAME, where its answers make no other sense."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from backends.base import Connection
from backends.errors import TimedOut
from backends.recognise import TITLES, recognise
from backends.wire.deadline import Deadline
from backends.wire.turns import turn
from hooks.contract.outcome import Outcome, Reason

# What another store's answers are taken for.
_SUSPICIOUS = frozenset(
    {
        Reason.BACKEND_ERROR,
        Reason.OPERATOR_CREDENTIALS_REJECTED,
        Reason.OPERATOR_MISCONFIGURED,
        Reason.REJECTED_BY_BACKEND,
    }
)
_SECONDS = 2.0
_REMEMBERED_SECONDS = 300.0


class Recogniser:
    """Asks the store who it is, at the first failure and then rarely; for one event loop.

    Args:
        backend_name: BACKEND_NAME.
        connection: the store's.
        store: its name on the list of stores; empty without one.
    """

    def __init__(self, backend_name: str, connection: Connection, store: str = "") -> None:
        self._store = store
        self._backend_name = backend_name
        self._connection = connection
        self._mistake: str | None = None
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def mistake(self, deadline: Deadline) -> str | None:
        """A sentence about what is set wrong; None if nothing is known to be.

        Args:
            deadline: of the sync.
        """
        endpoints = {"S3_ENDPOINT_URL": self._connection.endpoint}
        if self._connection.admin_endpoint != self._connection.endpoint:
            endpoints["S3_ADMIN_ENDPOINT_URL"] = self._connection.admin_endpoint
        try:
            limit = Deadline(min(deadline.remaining(), _SECONDS))
        except TimedOut:
            return None
        for variable, endpoint in endpoints.items():
            found = await recognise(endpoint, self._connection, limit)
            if found is not None and found != self._backend_name:
                return self._told(variable, found)
        return None

    def _told(self, variable: str, found: str) -> str:
        if self._store:
            key = "endpoint" if variable == "S3_ENDPOINT_URL" else "admin-endpoint"
            return (
                f"What answers at the {key} of the store {self._store} looks like {TITLES[found]}, "
                f"but its backend is {self._backend_name}: set backend: {found} in the list of "
                "stores, or the other store's URL."
            )
        return (
            f"What answers at {variable} looks like {TITLES[found]}, but BACKEND_NAME is "
            f"{self._backend_name}: set BACKEND_NAME={found}, or the other store's URL."
        )

    async def explained(self, outcome: Outcome, deadline: Deadline) -> Outcome:
        """The outcome, or another in its place where the store is not the one that is set.

        Args:
            outcome: of a sync.
            deadline: of the sync.
        """
        if outcome.reason not in _SUSPICIOUS:
            return outcome
        try:
            async with turn(self._asking, deadline, "The store is being asked who it is."):
                if time.monotonic() >= self._until:
                    self._mistake = await self.mistake(deadline)
                    self._until = time.monotonic() + _REMEMBERED_SECONDS
        except TimedOut:
            return outcome
        if self._mistake is None:
            return outcome
        return replace(outcome, reason=Reason.OPERATOR_MISCONFIGURED, message=self._mistake)
