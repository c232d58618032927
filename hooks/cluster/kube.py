"""The little of the Kubernetes API that the operator asks for itself, on rare paths only.

Everything here blocks: the event loop calls it through ``asyncio.to_thread``. Objects are plain
JSON, as the client's models cost time and refuse what they don't know.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from hooks.cluster import kubeconfig
from hooks.cluster.access import Access
from hooks.cluster.kubecall import (
    ANSWER_LIMIT,
    JSON,
    JSON_PATCH,
    MERGE_PATCH,
    METADATA,
    METADATA_LIMIT,
    METADATA_LIST,
    AnswerTooLong,
    Caller,
    Clock,
    Object,
)
from hooks.cluster.kubeerrors import Conflict, Expired, NotFound, NotServed

PAGE = 250
"""Objects of a list that are asked for at once: everything else waits while a page is decoded."""
METADATA_PAGE = 1000
"""The same where only metadata is asked for, which is small."""

_TRIES = 5
_SECRETS = "/api/v1/namespaces/{namespace}/secrets"
_EVENTS = "/api/v1/namespaces/{namespace}/events"
_DECORATORS = "/apis/metacontroller.k8s.io/v1alpha1/decoratorcontrollers/{name}"


class Listing(Iterator[Object]):
    """The objects of a list, one by one.

    Attributes:
        second: when the API answered last, in Unix seconds; 0 before the first answer.
        pages: the objects.
    """

    pages: Iterator[Object]

    def __init__(self) -> None:
        self.second = 0

    def __next__(self) -> Object:
        return next(self.pages)


class Kube:
    """A client of one Kubernetes API; for several threads.

    Each method ends within about its `timeout` (seconds) and raises only `KubeError`; a time-out
    or a failed API is never taken for an object that isn't there.

    Args:
        access: the API's address and the credentials.
    """

    def __init__(self, access: Access) -> None:
        self.namespace = access.namespace
        self._caller = Caller(access)
        self._call = self._caller.call

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] = os.environ,
        *,
        context: str | None = None,
        service_account: Path = kubeconfig.SERVICE_ACCOUNT,
    ) -> Self | None:
        """A client for the configuration that is found, None where there is none.

        Args:
            environ: the environment.
            context: the kubeconfig's context, None for its current one.
            service_account: the folder where a pod has its token.

        Raises:
            Misconfigured: there is a configuration that can't be used.
        """
        access = kubeconfig.find(environ, context=context, service_account=service_account)
        return None if access is None else cls(access)

    def close(self) -> None:
        """Closes the connections."""
        self._caller.close()

    def secrets(
        self,
        namespace: str | None = None,
        selector: str | None = None,
        *,
        timeout: float,
        metadata_only: bool = False,
        fields: str | None = None,
        mentioning: str | None = None,
    ) -> Listing:
        """Secrets one by one; no more than one page of them is ever held.

        A list may outlive the state that it began with (410). It then goes on after the last
        Secret with the state of that moment, by the token that the API sends along: a Secret that
        was there all the time is told exactly once, which starting anew would not keep to.

        Args:
            namespace: None for all.
            selector: a label selector.
            timeout: seconds from now until the last page is there, the caller's own time included.
            metadata_only: leaves data out: it isn't even sent.
            fields: a field selector.
            mentioning: the key of an annotation or label; a Secret without it may be left out.

        Raises:
            KubeError: when the first or a further page can't be had.
        """
        query = {"labelSelector": selector or "", "fieldSelector": fields or ""}
        listing = Listing()
        listing.pages = self._pages(
            namespace, query, Clock(timeout), metadata_only, mentioning, listing
        )
        return listing

    def secret(
        self, namespace: str, name: str, *, timeout: float, metadata_only: bool = False
    ) -> Object | None:
        """One Secret, None if there is none.

        Raises:
            KubeError: it isn't known whether there is one.
        """
        try:
            return self._read_secret(namespace, name, Clock(timeout), metadata_only=metadata_only)
        except NotFound:
            return None

    def mark_secret(
        self,
        namespace: str,
        name: str,
        uid: str,
        annotations: Mapping[str, str],
        labels: Mapping[str, str],
        *,
        timeout: float,
    ) -> None:
        """Sets annotations and labels of a Secret, if it is still the one of that uid.

        Raises:
            NotFound: there is none.
            Conflict: it is another of that name by now.
            KubeError: anything else.
        """
        self._call(
            "PATCH",
            _SECRETS + "/{name}",
            {"namespace": namespace, "name": name},
            Clock(timeout),
            ("change Secrets", "secrets"),
            body={
                "metadata": {
                    "uid": uid,
                    "annotations": dict(annotations),
                    "labels": dict(labels),
                }
            },
            content_type=MERGE_PATCH,
            accept=METADATA,
        )

    def remove_finalizer(
        self, namespace: str, name: str, finalizer: str, *, timeout: float
    ) -> bool:
        """Takes a finalizer off a Secret, and nothing else that others write meanwhile.

        Returns:
            Whether it was there; False too if the Secret is gone.

        Raises:
            KubeError: it may still be there.
        """
        clock = Clock(timeout)
        for _ in range(_TRIES):
            try:
                metadata = self._read_secret(namespace, name, clock, metadata_only=True)["metadata"]
                finalizers = metadata.get("finalizers") or []
                if finalizer not in finalizers:
                    return False
                place = f"/metadata/finalizers/{finalizers.index(finalizer)}"
                self._call(
                    "PATCH",
                    _SECRETS + "/{name}",
                    {"namespace": namespace, "name": name},
                    clock,
                    ("change Secrets", "secrets"),
                    body=[
                        # The place may be another's by now, and the Secret another of that name.
                        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
                        {"op": "test", "path": place, "value": finalizer},
                        {"op": "remove", "path": place},
                    ],
                    content_type=JSON_PATCH,
                    accept=METADATA,
                )
            except NotFound:
                return False
            except Conflict:
                continue
            return True
        raise Conflict("A Secret was changed by others each time its finalizer was to be removed.")

    def create_event(self, namespace: str, body: Object, *, timeout: float) -> None:
        """Creates a v1 Event.

        Raises:
            AlreadyExists: there is one of that name.
            KubeError: anything else.
        """
        self._call(
            "POST",
            _EVENTS,
            {"namespace": namespace},
            Clock(timeout),
            ("create Events", "events"),
            body=body,
        )

    def patch_event(self, namespace: str, name: str, change: Object, *, timeout: float) -> Object:
        """Merges `change` into an Event and returns the whole of it.

        Raises:
            NotFound: it has expired.
            KubeError: anything else.
        """
        return self._call(
            "PATCH",
            _EVENTS + "/{name}",
            {"namespace": namespace, "name": name},
            Clock(timeout),
            ("change Events", "events"),
            body=change,
            content_type=MERGE_PATCH,
            kind="Event",
        )

    def may(
        self,
        verb: str,
        resource: str,
        group: str = "",
        namespace: str | None = None,
        *,
        timeout: float = 5.0,
    ) -> bool:
        """Whether this account may do that, in all namespaces if none is named.

        Raises:
            KubeError: the API doesn't say.
        """
        attributes = {"verb": verb, "resource": resource, "group": group}
        if namespace is not None:
            attributes["namespace"] = namespace
        review = self._call(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {},
            Clock(timeout),
            ("review its own permissions", "selfsubjectaccessreviews"),
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            },
            kind="SelfSubjectAccessReview",
        )
        return (review.get("status") or {}).get("allowed") is True

    def has_decorator(self, name: str, *, timeout: float) -> bool:
        """Whether there is a DecoratorController of that name.

        Raises:
            KubeError: the API doesn't say.
        """
        return self._decorator("GET", name, timeout)

    def delete_decorator(self, name: str, *, timeout: float) -> bool:
        """Deletes a DecoratorController; False if there was none.

        Raises:
            KubeError: it may still be there.
        """
        return self._decorator("DELETE", name, timeout)

    def _decorator(self, method: str, name: str, timeout: float) -> bool:
        doing = ("delete" if method == "DELETE" else "read") + " DecoratorControllers"
        try:
            self._call(
                method,
                _DECORATORS,
                {"name": name},
                Clock(timeout),
                (doing, "decoratorcontrollers"),
            )
        except (NotFound, NotServed):
            # Without its CRDs, Metacontroller is gone altogether.
            return False
        return True

    def _read_secret(
        self, namespace: str, name: str, clock: Clock, *, metadata_only: bool = False
    ) -> Object:
        return self._call(
            "GET",
            _SECRETS + "/{name}",
            {"namespace": namespace, "name": name},
            clock,
            ("read Secrets", "secrets"),
            accept=METADATA if metadata_only else JSON,
            kind="PartialObjectMetadata" if metadata_only else "Secret",
        )

    def _pages(
        self,
        namespace: str | None,
        selectors: Mapping[str, str],
        clock: Clock,
        metadata_only: bool,
        mentioning: str | None,
        listing: Listing,
    ) -> Iterator[Object]:
        path, values = (
            ("/api/v1/secrets", {}) if namespace is None else (_SECRETS, {"namespace": namespace})
        )
        most = METADATA_PAGE if metadata_only else PAGE
        limit, token = most, ""
        while True:
            query = {**selectors, "limit": str(limit), "continue": token}
            try:
                page, listing.second = self._caller.dated(
                    "GET",
                    path,
                    values,
                    clock,
                    ("list Secrets", "secrets"),
                    query=query,
                    accept=METADATA_LIST if metadata_only else JSON,
                    kind="PartialObjectMetadataList" if metadata_only else "SecretList",
                    most=METADATA_LIMIT if metadata_only else ANSWER_LIMIT,
                    mentioning=mentioning,
                )
            except AnswerTooLong:
                if limit == 1:
                    raise
                limit = max(limit // 4, 1)
                continue
            except Expired as error:
                if error.resume in {"", token}:
                    raise
                token = error.resume
                continue
            # A few large ones must not make the whole list one of many small pages.
            limit = min(limit * 2, most)
            token = page["metadata"].get("continue") or ""
            items = page.get("items") or []
            del page
            items.reverse()
            while items:
                # A list says the kind of its items once, for all of them; one of metadata calls
                # each a PartialObjectMetadata, whatever it is of.
                yield {**items.pop(), "apiVersion": "v1", "kind": "Secret"}
            if not token:
                return
