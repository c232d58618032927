"""What stands in the other live Secrets: their metadata by lists, the data of a few one by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from hooks.claim.fieldkeys import KeyChoice
from hooks.claim.generated import Generator
from hooks.claim.secret import Mentions, read_endpoint, read_mentions
from hooks.cluster.kube import Kube, Listing
from hooks.contract.decorator import NotAHookRequest, SyncRequest
from hooks.contract.grant import Grants, Held
from hooks.contract.status import Keys
from hooks.tenancy.other import Other, Slot

NO_RELEASES = "type!=helm.sh/release.v1"
"""Selects fields: a release of Helm's can have nearly a mebibyte, and is never annotated."""
# Secrets whose data is read one by one; more are read page by page.
_SINGLY = 100
# Nothing longer can be the name of a bucket or a user, or a secret.
_LONGEST_NAME = 1024


class Reading:
    """Reads the other live Secrets; blocks, so it is for threads.

    Nothing of a Secret's data is kept but the names that it mentions.

    Args:
        kube: the API.
        keys: names of the annotations and labels.
        grants: verifies what their grants say.
        endpoint: the store's; a Secret that names another's is another operator's. None doesn't
            compare.
        aliases: further names of the same store.
        generator: tells what Secrets name that bring no credentials.
        here: whether a Secret, with its data, may mean this store; in place of the endpoints.
    """

    def __init__(
        self,
        kube: Kube,
        keys: Keys,
        grants: Grants,
        endpoint: str | None,
        aliases: frozenset[str] = frozenset(),
        generator: Generator | None = None,
        here: Callable[[SyncRequest], bool] | None = None,
    ) -> None:
        self._here = here
        self._kube = kube
        self._keys = keys
        self._grants = grants
        self._generator = generator
        self._endpoints = None if endpoint is None else {endpoint, *aliases}

    def listing(
        self,
        until: float,
        *,
        namespace: str | None = None,
        selector: str | None = None,
        fields: str | None = None,
    ) -> Listing:
        """Metadata of Secrets, page by page; see :meth:`Kube.secrets`.

        Args:
            until: when, by the monotonic clock, its answer has to be there.
            namespace: of one only.
            selector: by labels.
            fields: by fields.

        Raises:
            KubeError: the API can't be asked, or not in time.
        """
        # The time left is taken here, since a thread may have been waited for.
        return self._kube.secrets(
            namespace,
            selector,
            fields=fields,
            metadata_only=True,
            timeout=until - time.monotonic(),
            mentioning=self._keys.enabled,
        )

    def granted(
        self, secrets: Iterable[Mapping[str, object]]
    ) -> Iterator[tuple[SyncRequest, Held]]:
        """Those of this operator's that live, with what their grants say."""
        enabled = self._keys.enabled
        for secret in secrets:
            # Nearly all of a cluster's Secrets end here, so it comes first.
            if not _is_annotated(secret, enabled):
                continue
            try:
                request = SyncRequest.of(secret)
            except NotAHookRequest:
                continue
            if not request.deleting and self._keys.enables(request):
                yield request, self._keys.evidence(request).held(self._grants)

    def read_all(self, requests: Sequence[SyncRequest], until: float) -> Iterator[Other]:
        """What the data of several mentions; many are read page by page, a few each by itself.

        Many have no answer yet where an operator is new to a cluster.
        """
        if len(requests) <= _SINGLY:
            for request in requests:
                if (other := self.read(request, Held(), until)) is not None:
                    yield other
            return
        wanted = {request.origin: request for request in requests}
        listing = self._kube.secrets(fields=NO_RELEASES, timeout=until - time.monotonic())
        for secret in listing:
            if not _is_annotated(secret, self._keys.enabled):
                continue
            try:
                now = SyncRequest.of(secret)
            except NotAHookRequest:
                continue
            found = wanted.get(now.origin)
            if found is not None and (other := self._mentions(found, now, Held())) is not None:
                yield other

    def read(self, request: SyncRequest, held: Held, until: float) -> Other | None:
        """What a Secret's data mentions; None if it is gone, or another store's."""
        found = self._kube.secret(request.namespace, request.name, timeout=until - time.monotonic())
        if found is None:
            return None
        try:
            now = SyncRequest.of(found)
        except NotAHookRequest:
            return None
        return self._mentions(request, now, held)

    def named(self, slots: Iterable[Slot], until: float) -> tuple[Other, ...]:
        """Those of these names that live, each read by itself."""
        looked = (self.look(slot, until) for slot in slots)
        read = (self.read(*found, until) for found in looked if found is not None)
        return tuple(other for other in read if other is not None)

    def look(self, slot: Slot, until: float) -> tuple[SyncRequest, Held] | None:
        """A Secret as it is now, by its metadata."""
        found = self._kube.secret(*slot, timeout=until - time.monotonic(), metadata_only=True)
        if found is None:
            return None
        document = {**found, "apiVersion": "v1", "kind": "Secret"}
        return next(self.granted([document]), None)

    def _mentions(self, request: SyncRequest, now: SyncRequest, held: Held) -> Other | None:
        # Made again, deleted or taken out of the operator's hands since the list.
        if now.uid != request.uid or now.deleting or not self._keys.enables(now):
            return None
        choice = KeyChoice.of(now.annotations, self._keys["keys"])
        if self._here is not None:
            if not self._here(now):
                return None
        elif self._endpoints is not None:
            named = read_endpoint(now.data, choice)
            if named is not None and named.endpoint.urls.isdisjoint(self._endpoints):
                return None
        names = read_mentions(now.data, choice)
        if self._generator is not None:
            grant = self._keys.evidence(now).held(self._grants).grant
            names = self._generator.naming(now, grant, names, int(time.time()))
        return Other(request, _short(names), held)


def _is_annotated(secret: Mapping[str, object], key: str) -> bool:
    metadata = secret.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and key in annotations


def _short(names: Mentions) -> Mentions:
    """Without what is too long to be a name, so that many of them stay small."""
    return Mentions(
        frozenset(bucket for bucket in names.buckets if len(bucket) <= _LONGEST_NAME),
        frozenset(user for user in names.users if len(user) <= _LONGEST_NAME),
        frozenset(secret for secret in names.secrets if len(secret.reveal()) <= _LONGEST_NAME),
    )
