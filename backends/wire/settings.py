"""A bucket's settings through the S3 API, signed as the bucket's owner.

Nobody gets more by it than its own rights. Only sub-resources of the table are ever called: what a
store doesn't know it can take for the bucket itself (see :mod:`backends.wire.buckets`).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from backends.base import Answer, Claim
from backends.bucketsettings import Document, SettingName, SettingSupport
from backends.errors import Rejected, StoreError, Unsupported, own_words
from backends.wire import objectlock, xmlbody
from backends.wire import policydocument as policies
from backends.wire import settingforms as forms
from backends.wire.deadline import Deadline
from backends.wire.shapes import Struct, from_xml, to_xml
from backends.wire.signing import SignedClient

# A reason to ask again, or of the tenant's credentials rather than of what is written.
_NOT_THE_DOCUMENT = frozenset(
    {
        *("InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"),
        *("AuthorizationHeaderMalformed", "NoSuchBucket", "OperationAborted", "SlowDown"),
        *("RequestTimeout", "TooManyRequests"),
    }
)
# Seconds between tries of what may be too long for the store: each fails at once where it is.
_PASSING = (0.2, 0.8)
_LACKING = frozenset({"NotImplemented", "MethodNotAllowed"})
# What an object's key is that isn't there; a name that nobody can have guessed.
_KEY_BYTES = 16


@dataclass(frozen=True, slots=True)
class _Resource:
    """A sub-resource.

    Args:
        query: its name.
        absent: the codes that say that there is nothing.
        root: the XML's root element.
        shape: of the XML.
        shown: from the XML to the one form.
        sent: the way back.
    """

    query: str
    absent: frozenset[str]
    root: str
    shape: Struct
    shown: Callable[[Document], Document]
    sent: Callable[[Document], Document]


_RESOURCES: Mapping[SettingName, _Resource] = {
    SettingName.TAGS: _Resource(
        "tagging",
        frozenset({"NoSuchTagSet"}),
        "Tagging",
        forms.TAGGING,
        forms.tags,
        forms.sent_tags,
    ),
    SettingName.LIFECYCLE: _Resource(
        "lifecycle",
        frozenset({"NoSuchLifecycleConfiguration"}),
        "LifecycleConfiguration",
        forms.LIFECYCLE,
        forms.lifecycle,
        forms.sent_lifecycle,
    ),
    SettingName.CORS: _Resource(
        "cors",
        frozenset({"NoSuchCORSConfiguration"}),
        "CORSConfiguration",
        forms.CORS,
        forms.cors,
        lambda document: document,
    ),
}
_OF_POLICY = frozenset({SettingName.POLICY, SettingName.PUBLIC})
_NO_POLICY = frozenset({"NoSuchBucketPolicy"})


class S3Settings:
    """Reads and writes them; see :class:`backends.bucketsettings.BucketSettings`.

    Args:
        client: of the S3 API.
        error: what an answer to a tenant means that isn't known here.
        support: what the store honours.
        owner_statement: whether a policy that doesn't name the bucket's owner keeps it out.
        tells_public: whether the store says of a policy that it opens the bucket.
        block: bytes of all settings of a bucket from which on a fault of the store's may be that
            they don't fit; 0 where it has no such limit.
    """

    def __init__(
        self,
        client: SignedClient,
        error: Callable[[Answer], StoreError],
        support: SettingSupport,
        *,
        owner_statement: bool = False,
        tells_public: bool = False,
        block: int = 0,
    ) -> None:
        self._client = client
        self._error = error
        self._support = support
        self._owner_statement = owner_statement
        self._tells_public = tells_public
        self._block = block

    async def read(self, name: SettingName, claim: Claim, deadline: Deadline) -> Document | None:
        """See :class:`backends.bucketsettings.BucketSettings`."""
        if name in _OF_POLICY:
            found = policies.statements(await self._policy(claim, deadline))
            return _shown_policy(name, found, claim.bucket)
        if name in {SettingName.LOCK, SettingName.RETENTION}:
            lock = await self._lock(claim, deadline)
            if lock is None:
                return None
            return "enabled" if name is SettingName.LOCK else forms.retention(lock)
        resource = _RESOURCES[name]
        answer = await self._ask(name, resource.query, resource.absent, claim, deadline)
        if answer is None:
            return None
        found = from_xml(resource.shape, resource.root, answer.body)
        try:
            return resource.shown(found) or None
        except (LookupError, TypeError, ValueError):
            # As good as nothing: a store that answers an empty document where there is none.
            return None

    async def write(
        self, name: SettingName, document: Document, claim: Claim, deadline: Deadline
    ) -> None:
        """See :class:`backends.bucketsettings.BucketSettings`."""
        if name in _OF_POLICY:
            await self._write_policy(name, document, claim, deadline)
        elif name is SettingName.LOCK:
            raise Unsupported(objectlock.NO_LATER_LOCK)
        elif name is SettingName.RETENTION:
            await self._write_retention(document, claim, deadline)
        else:
            resource = _RESOURCES[name]
            body = to_xml(resource.shape, resource.root, resource.sent(document))
            await self._put(name, resource.query, body, claim, deadline)

    async def remove(self, name: SettingName, claim: Claim, deadline: Deadline) -> None:
        """See :class:`backends.bucketsettings.BucketSettings`."""
        if name in _OF_POLICY:
            await self._write_policy(name, None, claim, deadline)
        elif name is SettingName.RETENTION:
            await self._write_retention(None, claim, deadline)
        elif name in _RESOURCES:
            resource = _RESOURCES[name]
            await self._delete(name, resource.query, resource.absent, claim, deadline)

    async def is_public(self, claim: Claim, deadline: Deadline) -> bool:
        """Asks for an object without a signature, for one that is there if there is any.

        Stores differ in what they say of one that isn't there: who may read objects and not list
        them is told on some that it isn't there, on others that it may not know.
        """
        key = await self._some_key(claim, deadline)
        if key is None and self._tells_public:
            # Of an empty bucket nothing else tells (Ceph 16.2.15 answers as before it was open).
            answer = await self._ask(
                SettingName.PUBLIC, "policyStatus", _NO_POLICY, claim, deadline
            )
            return answer is not None and _says_public(answer.body)
        answer = await self._client.request(
            "GET",
            [claim.bucket, key or secrets.token_hex(_KEY_BYTES)],
            operation="probe_public",
            credentials=None,
            deadline=deadline,
            headers={"Range": "bytes=0-0"},
        )
        if answer.ok or answer.code in {"NoSuchKey", "InvalidRange"} or answer.status == 416:
            return True
        if answer.status in {401, 403}:
            return False
        raise self._error(answer)

    async def _some_key(self, claim: Claim, deadline: Deadline) -> str | None:
        answer = await self._client.request(
            "GET",
            [claim.bucket],
            operation="list_objects",
            credentials=claim.credentials,
            deadline=deadline,
            query={"list-type": "2", "max-keys": "1"},
        )
        return xmlbody.parse(answer.body).findtext("Contents/Key") if answer.ok else None

    async def _write_policy(
        self, name: SettingName, document: Document | None, claim: Claim, deadline: Deadline
    ) -> None:
        old = await self._policy(claim, deadline)
        new: list[policies.Statement] = []
        if document is not None:
            new = (
                policies.placed(document, claim.bucket)
                if name is SettingName.POLICY
                else [policies.public_read(claim.bucket)]
            )
        sid = policies.PUBLIC_SID

        def goes(statement: policies.Statement) -> bool:
            if self._owner_statement and policies.is_owners(statement):
                return True
            if name is SettingName.PUBLIC:
                return policies.sid(statement) == sid
            return not policies.is_ours(statement)

        changed = policies.replaced(old, goes, new)
        if changed is None:
            if old is not None:
                await self._delete(name, "policy", _NO_POLICY, claim, deadline)
            return
        if self._owner_statement:
            own = policies.owner_statements(claim.bucket, {"AWS": [claim.user]})
            changed = policies.replaced(changed, lambda _: False, own) or changed
        body = policies.encoded(changed, self._support.policy_bytes)
        await self._put(name, "policy", body, claim, deadline)

    async def _policy(self, claim: Claim, deadline: Deadline) -> policies.Document | None:
        answer = await self._ask(SettingName.POLICY, "policy", _NO_POLICY, claim, deadline)
        return None if answer is None else policies.parse(answer.body)

    async def _write_retention(
        self, document: Document | None, claim: Claim, deadline: Deadline
    ) -> None:
        if await self._lock(claim, deadline) is None:
            if document is None:
                return
            raise Unsupported(objectlock.NO_LATER_LOCK)
        body = to_xml(forms.LOCK, "ObjectLockConfiguration", forms.sent_lock(document))
        await self._put(SettingName.RETENTION, objectlock.QUERY, body, claim, deadline)

    async def _lock(self, claim: Claim, deadline: Deadline) -> Document | None:
        answer = await self._ask(
            SettingName.LOCK, objectlock.QUERY, objectlock.NO_LOCK, claim, deadline
        )
        return None if answer is None else objectlock.shown_lock(answer)

    async def _ask(
        self,
        name: SettingName,
        query: str,
        absent: frozenset[str],
        claim: Claim,
        deadline: Deadline,
    ) -> Answer | None:
        answer = await self._client.request(
            "GET",
            [claim.bucket],
            operation=f"get_{query}",
            credentials=claim.credentials,
            deadline=deadline,
            query={query: ""},
        )
        if answer.code in absent:
            return None
        if not answer.ok:
            raise self._refused(name, answer)
        return answer

    async def _put(
        self, name: SettingName, query: str, body: bytes, claim: Claim, deadline: Deadline
    ) -> None:
        digest = hashlib.md5(body, usedforsecurity=False).digest()

        async def put() -> Answer:
            return await self._client.request(
                "PUT",
                [claim.bucket],
                operation=f"set_{query}",
                credentials=claim.credentials,
                deadline=deadline,
                query={query: ""},
                # Which some stores want of these, as S3 itself did for long.
                headers={"Content-MD5": base64.b64encode(digest).decode()},
                body=body,
            )

        def may_not_fit(answer: Answer) -> bool:
            return bool(self._block) and answer.status == 500 and len(body) > self._block

        answer = await put()
        for pause in _PASSING:
            if not may_not_fit(answer):
                break
            # Nothing but the time that it lasts tells it from a fault that passes.
            await asyncio.sleep(pause)
            answer = await put()
        if not answer.ok:
            if may_not_fit(answer):
                raise Unsupported(
                    f"The store failed to write {name}, which has {len(body)} bytes: VersityGW "
                    "keeps all settings of a bucket in one block of the file system, of about "
                    f"4 KB on ext4. Shorten {name}; it is tried again with each periodic sync."
                )
            raise self._refused(name, answer)

    async def _delete(
        self,
        name: SettingName,
        query: str,
        absent: frozenset[str],
        claim: Claim,
        deadline: Deadline,
    ) -> None:
        answer = await self._client.request(
            "DELETE",
            [claim.bucket],
            operation=f"delete_{query}",
            credentials=claim.credentials,
            deadline=deadline,
            query={query: ""},
        )
        if not answer.ok and answer.code not in absent:
            raise self._refused(name, answer)

    def _refused(self, name: SettingName, answer: Answer) -> StoreError:
        """What an answer means that is neither a success nor "there is none"."""
        if answer.code in _LACKING:
            return Unsupported(f"This store has no {name}: remove it from the Secret.")
        if 400 <= answer.status < 500 and answer.code and answer.code not in _NOT_THE_DOCUMENT:
            words = own_words(answer.message)
            return Rejected(
                f"The store refuses {name}, {answer.code}{f': {words}' if words else ''}."
            )
        return self._error(answer)


def _says_public(content: bytes) -> bool:
    return (xmlbody.parse(content).findtext("IsPublic") or "").strip().lower() == "true"


def _shown_policy(
    name: SettingName, found: list[policies.Statement], bucket: str
) -> Document | None:
    """The tenant's own statements, or whether the operator's lets everybody read."""
    if name is SettingName.POLICY:
        own = [each for each in found if not policies.is_ours(each)]
        return policies.unplaced(own, bucket) or None
    public = [each for each in found if policies.sid(each) == policies.PUBLIC_SID]
    if not public:
        return None
    return "read" if policies.form(public) == policies.form([policies.public_read(bucket)]) else ""
