"""What an administrator does with a bucket through the S3 API itself, alike on several stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from backends.base import Answer, Claim, Credentials
from backends.errors import NotEmpty, Rejected, StoreError, Unsupported, own_words
from backends.wire import objectlock, xmlbody
from backends.wire.deadline import Deadline
from backends.wire.signing import SignedClient

HOLDS_OBJECTS = "The bucket still holds objects, or former versions of objects."
HOLDS_UPLOADS = "The bucket still holds unfinished uploads."
_VERSIONING = "VersioningConfiguration"
# Of a bucket that is gone, or to whom may not know.
_UNTOLD = frozenset({"NoSuchBucket", "AccessDenied"})
_STATUS = {"enabled": "Enabled", "suspended": "Suspended"}


class Buckets:
    """Deletes buckets, sets their versioning, sees their locks; for the tasks of one event loop.

    Args:
        client: of the S3 API.
        admin: who signs.
        error: what an answer means that isn't known here.
    """

    def __init__(
        self, client: SignedClient, admin: Credentials, error: Callable[[Answer], StoreError]
    ) -> None:
        self._client = client
        self._admin = admin
        self._error = error

    async def delete(self, name: str, deadline: Deadline) -> bool:
        """Deletes an empty bucket; False when there is none.

        Stores look for objects and their versions themselves, but throw unfinished uploads
        away with the bucket: so these are asked for first. The deletion is not repeated when
        its answer is lost: the second would say that there was none.

        Raises:
            NotEmpty: it holds something.
        """
        uploads = await self._ask(
            "list_uploads", name, {"uploads": "", "max-uploads": "1"}, deadline
        )
        if uploads.code == "NoSuchBucket":
            return False
        listed = xmlbody.expect(self._checked(uploads).body, "ListMultipartUploadsResult")
        if listed.find("Upload") is not None:
            raise NotEmpty(HOLDS_UPLOADS)
        answer = await self._client.request(
            "DELETE",
            [name],
            operation="delete_bucket",
            credentials=self._admin,
            deadline=deadline,
            repeat=False,
        )
        if answer.code == "NoSuchBucket":
            return False
        if answer.code == "BucketNotEmpty":
            raise NotEmpty(HOLDS_OBJECTS)
        self._checked(answer)
        return True

    async def set_versioning(self, claim: Claim, deadline: Deadline) -> bool:
        """Writes the claim's versioning, and leaves what else stands beside it.

        Raises:
            Rejected: the bucket's own state forbids it.
        """
        if claim.versioning is None:
            return False
        query = {"versioning": ""}
        found = await self._ask("get_versioning", claim.bucket, query, deadline)
        if found.code == "NoSuchBucket":
            return False
        configuration = xmlbody.expect(self._checked(found).body, _VERSIONING)
        answer = await self._client.request(
            "PUT",
            [claim.bucket],
            operation="set_versioning",
            credentials=self._admin,
            deadline=deadline,
            query=query,
            body=xmlbody.changed(configuration, "Status", _STATUS[claim.versioning]),
        )
        if answer.code == "NoSuchBucket":
            return False
        if answer.code == "InvalidBucketState":
            raise Rejected(
                f"The store refuses the bucket's versioning: {own_words(answer.message)}."
            )
        self._checked(answer)
        return True

    async def check_lock(self, claim: Claim, deadline: Deadline) -> None:
        """Looks whether the bucket's object lock, or that it has none, allows what is claimed.

        Who may not ask is no reason to refuse: the operator has the right for it only where locks
        are used, and a bucket's policy may forbid it to everybody.

        Raises:
            Unsupported: it has none, and would never get one.
            Rejected: it has one, so its versioning can't be suspended.
        """
        suspends = claim.versioning == "suspended"
        if not (claim.locked or suspends):
            return
        answer = await self._ask("get_lock", claim.bucket, {objectlock.QUERY: ""}, deadline)
        if answer.code in _UNTOLD:
            return
        locked = (
            answer.code not in objectlock.NO_LOCK
            and objectlock.shown_lock(self._checked(answer)) is not None
        )
        if claim.locked and not locked:
            raise Unsupported(objectlock.NO_LATER_LOCK)
        if suspends and locked:
            raise Rejected(objectlock.VERSIONED)

    async def is_blocked(self, bucket: str, deadline: Deadline) -> bool:
        """Whether a public access block keeps policies out that let everybody in.

        Only of a store that has such blocks.
        """
        answer = await self._ask("get_access_block", bucket, {"publicAccessBlock": ""}, deadline)
        if answer.code in {*_UNTOLD, "NoSuchPublicAccessBlockConfiguration"}:
            return False
        found = xmlbody.parse(self._checked(answer).body).findtext("BlockPublicPolicy")
        return (found or "").strip().lower() == "true"

    async def remove_settings(
        self, bucket: str, settings: Mapping[str, Set[str]], deadline: Deadline
    ) -> None:
        """Removes settings of a bucket.

        Only of such as the store has: what it doesn't know it can take for the bucket itself (MinIO
        of 2026-02-12 deletes an empty bucket at a DELETE of `accelerate`).

        Args:
            bucket: its name; one that is gone is no error.
            settings: names of sub-resources, each with the codes that say that there is none.
            deadline: of the sync.
        """
        for setting, absent in settings.items():
            answer = await self._client.request(
                "DELETE",
                [bucket],
                operation=f"delete_{setting}",
                credentials=self._admin,
                deadline=deadline,
                query={setting: ""},
            )
            if answer.code != "NoSuchBucket" and answer.code not in absent:
                self._checked(answer)

    async def remove_notifications(self, bucket: str, deadline: Deadline) -> None:
        """Writes the empty list of notifications, since they have no DELETE."""
        answer = await self._client.request(
            "PUT",
            [bucket],
            operation="delete_notification",
            credentials=self._admin,
            deadline=deadline,
            query={"notification": ""},
            body=xmlbody.document("NotificationConfiguration", {}),
        )
        if answer.code != "NoSuchBucket":
            self._checked(answer)

    async def _ask(
        self, operation: str, bucket: str, query: dict[str, str], deadline: Deadline
    ) -> Answer:
        return await self._client.request(
            "GET",
            [bucket],
            operation=operation,
            credentials=self._admin,
            deadline=deadline,
            query=query,
        )

    def _checked(self, answer: Answer) -> Answer:
        if not answer.ok:
            raise self._error(answer)
        return answer
