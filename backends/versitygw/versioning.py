"""Whether a VersityGW keeps former versions of objects, which it doesn't say by itself.

It tells a bucket without versioning from a gateway that has none by refusing to set it, which is
too late: by then bucket and user are made. But a gateway without a place for versions refuses
the version of an object, which it must have looked for otherwise. Seen with VersityGW 1.8.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from functools import partial

from backends.base import Answer, Credentials
from backends.errors import StoreError
from backends.versitygw.errors import CODES, no_versions
from backends.wire import xmlbody
from backends.wire.cleanup import Cleanup
from backends.wire.deadline import Deadline
from backends.wire.signing import SignedClient

# Any gateway knows this version, also of an object that isn't there.
_VERSION = "null"
_LOOK_UP = "ask_versioning"
_NAME = "s3-resource-operator-"
# Before each try to delete it, in seconds.
_PAUSES = (0.0, 0.5)
_UNCERTAIN = (0.0, 0.5, 3.0)


class VersioningSetup:
    """Finds out whether the gateway was started with a place for versions.

    Args:
        client: of the S3 API.
        admin: who signs.
        cleanup: has the last word.
    """

    def __init__(self, client: SignedClient, admin: Credentials, cleanup: Cleanup) -> None:
        self._client = client
        self._admin = admin
        self._cleanup = cleanup

    async def require(self, bucket: str, deadline: Deadline, *, dry_run: bool) -> None:
        """Asks with any bucket there is, since only within one the gateway tells.

        In a store without any, an empty one is made for a moment, under a name of its own.

        Args:
            bucket: the one that is going to have versions, if it is there.
            deadline: of the sync.
            dry_run: makes none, so that nothing is refused in a store without any.

        Raises:
            Unsupported: it has none.
        """
        async for candidate in self._candidates(bucket, deadline):
            if await self._tells(candidate, deadline):
                return
        if dry_run:
            return
        made = _NAME + secrets.token_hex(8)
        left = f"the empty bucket {made}"
        try:
            answer = await self._send("PUT", made, "make_empty_bucket", deadline)
        except BaseException:
            # It may be carried out all the same, and later than what is sent next.
            self._cleanup.start(made, left, partial(self._discard, made, _UNCERTAIN))
            raise
        CODES.require(answer)
        try:
            await self._tells(made, deadline)
        finally:
            undo = partial(self._discard, made, _PAUSES)
            # Not in place of what was found out.
            with contextlib.suppress(StoreError):
                await self._cleanup.run(made, left, undo, deadline)

    async def _discard(self, bucket: str, pauses: Sequence[float], deadline: Deadline) -> None:
        """Deletes a bucket that was made here, or may have been; asks a store in trouble again.

        Raises:
            StoreError: it may still be there.
        """
        for pause in pauses:
            await asyncio.sleep(pause)
            error: StoreError
            try:
                answer = await self._send("DELETE", bucket, "delete_empty_bucket", deadline)
            except StoreError as raised:
                error = raised
                continue
            if answer.ok or (answer.code == "NoSuchBucket" and pause == pauses[-1]):
                return
            error = CODES.admin_error(answer)
        raise error

    async def _candidates(self, bucket: str, deadline: Deadline) -> AsyncIterator[str]:
        yield bucket
        answer = await self._client.request(
            "GET",
            [""],
            operation="list_one_bucket",
            credentials=self._admin,
            deadline=deadline,
            query={"max-buckets": "1"},
        )
        for found in xmlbody.parse(CODES.require(answer).body).iter("Bucket"):
            if name := found.findtext("Name"):
                yield name

    async def _tells(self, bucket: str, deadline: Deadline) -> bool:
        """False if the bucket is gone."""
        answer = await self._client.request(
            "GET",
            [bucket, secrets.token_hex(16)],
            operation=_LOOK_UP,
            credentials=self._admin,
            deadline=deadline,
            query={"versionId": _VERSION},
        )
        if answer.code == "NoSuchBucket":
            return False
        if answer.code == "InvalidArgument":
            raise no_versions(answer)
        if answer.code not in {"NoSuchKey", "NoSuchVersion"}:
            CODES.require(answer)
        return True

    async def _send(self, method: str, bucket: str, operation: str, deadline: Deadline) -> Answer:
        return await self._client.request(
            method,
            [bucket],
            operation=operation,
            credentials=self._admin,
            deadline=deadline,
            repeat=False,
        )
