"""The little of the Kubernetes API that the tests need, over plain HTTP."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import urllib3

Object = dict[str, Any]
"""A Kubernetes object, as JSON has it."""

_MANAGER = "tests"


class ApiError(RuntimeError):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """A client for one kube-apiserver. Safe to use from several threads."""

    def __init__(self, url: str, *, token: str, authority: Path, connections: int = 10) -> None:
        self.url = url
        self._pool = urllib3.PoolManager(
            maxsize=connections,
            block=True,
            ca_certs=str(authority),
            headers={"Authorization": f"Bearer {token}"},
            timeout=urllib3.Timeout(connect=2, read=30),
            retries=False,
        )
        self._plurals: dict[tuple[str, str], tuple[str, bool]] = {}

    def close(self) -> None:
        self._pool.clear()

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> Object:
        response = self._pool.request(
            method,
            self.url + path,
            body=None if body is None else json.dumps(body),
            # With a body, urllib3 leaves the query to the caller.
            fields=dict(query or {}) if body is None else None,
            headers={**self._pool.headers, "Content-Type": content_type},
        )
        if response.status >= 400:
            raise ApiError(response.status, response.data.decode(errors="replace")[:1000])
        answer: Object = response.json()
        return answer

    def metadata(self, path: str) -> Object:
        """A list without what is in its objects."""
        kind = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        headers = {**self._pool.headers, "Accept": kind}
        response = self._pool.request("GET", self.url + path, headers=headers)
        if response.status >= 400:
            raise ApiError(response.status, response.data.decode(errors="replace")[:1000])
        answer: Object = response.json()
        return answer

    def text(self, path: str) -> str:
        """What the API shows that is no object."""
        return self._pool.request("GET", self.url + path).data.decode()

    def ready(self) -> bool:
        try:
            return self._pool.request("GET", f"{self.url}/readyz", timeout=2).status == 200
        except urllib3.exceptions.HTTPError:
            return False

    def apply(self, manifest: Object) -> Object:
        """Server-side apply; namespaced objects must say their namespace."""
        metadata = manifest["metadata"]
        path = self.path(
            manifest["kind"],
            metadata.get("namespace"),
            metadata["name"],
            api_version=manifest["apiVersion"],
        )
        return self.request(
            "PATCH",
            f"{path}?fieldManager={_MANAGER}&force=true",
            manifest,
            content_type="application/apply-patch+yaml",
        )

    def create(self, manifest: Object) -> Object:
        metadata = manifest["metadata"]
        path = self.path(
            manifest["kind"], metadata.get("namespace"), api_version=manifest["apiVersion"]
        )
        return self.request("POST", path, manifest)

    def replace(self, manifest: Object) -> Object:
        """Puts an object in the place of the one of its name: what isn't said is dropped."""
        metadata = manifest["metadata"]
        path = self.path(
            manifest["kind"],
            metadata.get("namespace"),
            metadata["name"],
            api_version=manifest["apiVersion"],
        )
        return self.request("PUT", path, manifest)

    def get(
        self, kind: str, name: str, namespace: str | None = None, *, api_version: str = "v1"
    ) -> Object | None:
        try:
            return self.request("GET", self.path(kind, namespace, name, api_version=api_version))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self, kind: str, namespace: str | None = None, *, labels: str | None = None
    ) -> list[Object]:
        query = {} if labels is None else {"labelSelector": labels}
        items: list[Object] = self.request("GET", self.path(kind, namespace), query=query)["items"]
        return items

    def merge(self, kind: str, name: str, namespace: str | None, change: Object) -> Object:
        """JSON merge patch: what is null in `change` is deleted."""
        return self.request(
            "PATCH",
            self.path(kind, namespace, name),
            change,
            content_type="application/merge-patch+json",
        )

    @contextlib.contextmanager
    def watch(self, kind: str, namespace: str) -> Iterator[Iterator[Object]]:
        """Events of what changes from now on; they end when the context does."""
        url = f"{self.url}{self.path(kind, namespace)}"
        version = self.request("GET", self.path(kind, namespace))["metadata"]["resourceVersion"]
        response = self._pool.request(
            "GET",
            url,
            fields={"watch": "true", "resourceVersion": version},
            preload_content=False,
            timeout=urllib3.Timeout(connect=2, read=None),
        )
        if response.status >= 400:
            raise ApiError(response.status, response.data.decode(errors="replace")[:1000])
        try:
            yield (json.loads(line) for line in _lines(response))
        finally:
            # Whoever reads finds the end; to close it under them would be an error of theirs.
            response.shutdown()

    def delete(
        self, kind: str, name: str, namespace: str | None = None, *, api_version: str = "v1"
    ) -> None:
        try:
            self.request("DELETE", self.path(kind, namespace, name, api_version=api_version))
        except ApiError as error:
            if error.status != 404:
                raise

    def delete_all(self, kind: str, namespace: str) -> None:
        self.request("DELETE", self.path(kind, namespace))

    def path(
        self,
        kind: str,
        namespace: str | None = None,
        name: str | None = None,
        *,
        api_version: str = "v1",
    ) -> str:
        plural, namespaced = self._plural(api_version, kind)
        path = _root(api_version)
        if namespaced and namespace is not None:
            path += f"/namespaces/{namespace}"
        path += f"/{plural}"
        return path if name is None else f"{path}/{name}"

    def _plural(self, api_version: str, kind: str) -> tuple[str, bool]:
        key = (api_version, kind)
        if key not in self._plurals:
            for resource in self.request("GET", _root(api_version))["resources"]:
                if "/" not in resource["name"]:
                    found = (resource["name"], bool(resource["namespaced"]))
                    self._plurals[(api_version, resource["kind"])] = found
        return self._plurals[key]


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    """The lines of a stream, each as soon as it is there."""
    rest = b""
    # So ends a stream that is shut down.
    with contextlib.suppress(urllib3.exceptions.ProtocolError), response:
        while chunk := response.read1():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
