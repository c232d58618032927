"""What a second user can do with a bucket, asked as that user; alike on every store.

Neither request can make anything, and both cost the same whatever is in the bucket.
"""

from __future__ import annotations

from backends.base import Claim, Gap
from backends.wire.codes import Codes
from backends.wire.deadline import Deadline
from backends.wire.signatures import Signatures
from backends.wire.signing import SignedClient

# Nobody's object. Should there be one of that name, no more than a byte of it is read.
_KEY = "s3-resource-operator-access"
_UPLOAD = "0" * 32
# Who may not read is told neither.
_READ = frozenset({"NoSuchKey", "InvalidRange"})


class TenantAccess:
    """Asks; for the tasks of one event loop.

    Args:
        client: of the S3 API.
        codes: what the store's errors mean.
        signatures: reads the answers; None where a signature tells nothing of a secret.
    """

    def __init__(
        self, client: SignedClient, codes: Codes, signatures: Signatures | None = None
    ) -> None:
        self._client = client
        self._codes = codes
        self._signatures = signatures

    async def read(self, claim: Claim, deadline: Deadline) -> Gap:
        """What keeps the tenant from reading an object; nothing does where there is none.

        Raises:
            StoreError: the store can't be asked.
        """
        answer = await self._client.request(
            "GET",
            [claim.bucket, _KEY],
            operation="probe_access",
            credentials=claim.credentials,
            deadline=deadline,
            headers={"Range": "bytes=0-0"},
        )
        if answer.code in _READ:
            if self._signatures is not None:
                self._signatures.accepted()
            return Gap.ACCEPTED
        if self._signatures is None:
            return self._codes.gap(answer)
        return await self._signatures.gap(answer, deadline)

    async def may_write(self, claim: Claim, deadline: Deadline) -> bool:
        """Whether the tenant may write: a part for an upload that there isn't.

        It is refused in any case. An upload's end would not do: MinIO of 2026-02-12 answers 204 to
        who aborts one that isn't there; nor a condition: Garage 2.5.0 knows no If-None-Match.

        Raises:
            StoreError: the store can't be asked, or says something else.
        """
        answer = await self._client.request(
            "PUT",
            [claim.bucket, _KEY],
            operation="probe_write",
            credentials=claim.credentials,
            deadline=deadline,
            query={"partNumber": "1", "uploadId": _UPLOAD},
        )
        if answer.code == "NoSuchUpload":
            return True
        if answer.code == "AccessDenied":
            return False
        raise self._codes.error(answer, admin=False)
