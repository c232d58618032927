"""Which store answers at an address, by what each of them says to a request without signature.

The header `Server` tells, unless a proxy puts its own in its place: then the answers' words do.
Seen with VersityGW 1.8.0, the MinIO of 2026-02-12, Garage 2.5.0, Ceph 16.2.15, SeaweedFS 4.53 and
RustFS 1.0.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from backends.base import Answer, Connection
from backends.errors import StoreError
from backends.wire import jsonbody, xmlbody
from backends.wire.deadline import Deadline
from backends.wire.pool import HttpPool

TITLES: Mapping[str, str] = {
    "versitygw": "VersityGW",
    "minio": "MinIO",
    "garage": "Garage",
    "ceph-rgw": "Ceph RGW",
    "seaweedfs": "SeaweedFS",
    "rustfs": "RustFS",
}
"""What people call the stores that can be recognised, by BACKEND_NAME."""

_SERVERS = {"VERSITYGW": "versitygw", "MinIO": "minio", "SeaweedFS": "seaweedfs"}
_NOTHING: Mapping[str, str] = {}
_MINIO_ADMIN = "/minio/admin/v3/info"
_VERSITYGW_ADMIN = "/list-users"
# S3 itself and its other imitations don't know the method at all.
# A transaction's number, when it began, the gateway's own number and its zone.
_CEPH_REQUEST = re.compile(rb"<RequestId>tx[0-9a-f]+-[0-9a-f]+-[0-9a-f]+-[^<]+</RequestId>")
_VERSITYGW_WORDS = "AWS authentication requires a valid Date"
# AWS's IAM has the same code and other words; the others take the address for S3's.
_IAM = "/"
_UNFINISHED = {"Authorization": "AWS4-HMAC-SHA256"}
# Of an admin API at MinIO's address, which tells errors in XML.
_RUSTFS_WORDS = ("AccessDenied", "Signature is required")
_SEAWEEDFS_WORDS = ("IncompleteSignature", "Invalid Argument")


async def recognise(endpoint: str, connection: Connection, deadline: Deadline) -> str | None:
    """The BACKEND_NAME of the store, None if it can't be told; three requests at most.

    Args:
        endpoint: URL of its S3 API or of its admin API.
        connection: certificates; no credential is sent.
        deadline: how long to wait.
    """
    pool = HttpPool(endpoint, connection, lambda *_: None, _error)
    try:
        answer = await _ask(pool, "GET", _MINIO_ADMIN, deadline)
        # SeaweedFS adds its version.
        if found := _SERVERS.get(answer.server.partition(" ")[0]):
            return found
        if "Garage" in answer.message:
            return "garage"
        if _CEPH_REQUEST.search(answer.body):
            return "ceph-rgw"
        if (answer.code, answer.message) == _RUSTFS_WORDS:
            return "rustfs"
        if answer.code == "AccessDenied" and jsonbody.error(answer.body, "Code", "Message")[0]:
            return "minio"
        answer = await _ask(pool, "PATCH", _VERSITYGW_ADMIN, deadline)
        if answer.message.startswith(_VERSITYGW_WORDS):
            return "versitygw"
        answer = await _ask(pool, "POST", _IAM, deadline, _UNFINISHED)
        return "seaweedfs" if (answer.code, answer.message) == _SEAWEEDFS_WORDS else None
    except StoreError:
        return None
    finally:
        await pool.close()


async def _ask(
    pool: HttpPool,
    method: str,
    path: str,
    deadline: Deadline,
    headers: Mapping[str, str] = _NOTHING,
) -> Answer:
    return await pool.send(
        method, pool.prefix + path, lambda: headers, operation="recognise", deadline=deadline
    )


def _error(content: bytes) -> tuple[str, str]:
    code, message = jsonbody.error(content, "Code", "Message")
    return (code, message) if code else xmlbody.error(content)
