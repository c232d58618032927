"""Secrets as Kubernetes shows them, and an operator that Metacontroller's part is played for."""

from __future__ import annotations

import asyncio
import base64
import functools
import sys
import threading
import uuid
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import Any, TypeVar

from backends.base import Backend
from hooks.cluster.kube import Kube
from hooks.commands.demo import apply_answer
from hooks.contract.decorator import SyncRequest
from hooks.contract.grant import Grants
from hooks.metrics import Metrics
from hooks.settings.settings import Settings
from hooks.sync import operator
from hooks.sync.syncer import Result

T = TypeVar("T")

PREFIX = "s3-resource-operator.io/"
ENVIRON = {
    "S3_ENDPOINT_URL": "http://127.0.0.1:1",
    "S3_ACCESS_KEY": "operator-admin",
    "S3_SECRET_KEY": "the-operators-own-secret",
    "SYNC_TIMEOUT_SECONDS": "5",
}


def encode(text: str) -> str:
    """A value as a Secret's data holds it."""
    return base64.b64encode(text.encode()).decode()


class Secret:
    """An annotated Secret; its fields are plain text here and base64 when shown."""

    def __init__(self, name: str, /, **fields: str) -> None:
        self.document: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": "team",
                "uid": str(uuid.uuid4()),
                "annotations": {f"{PREFIX}enabled": "true"},
            },
            "data": {},
        }
        self.set(**fields)

    @classmethod
    def claiming(cls, bucket: str, user: str, secret: str, **fields: str) -> Secret:
        """One that names these three, and more fields with `_` for `-`."""
        return cls(
            f"{bucket}-{user}"[:60].lower(),
            bucket_name=bucket,
            access_key=user,
            access_secret=secret,
            **fields,
        )

    def set(self, **fields: str) -> None:
        """Changes fields, as an edit of the Secret does."""
        for field, value in fields.items():
            self.document["data"][field.replace("_", "-")] = encode(value)

    def set_raw(self, key: str, value: str) -> None:
        """Sets one key by its very name."""
        self.document["data"][key] = encode(value)

    def plain(self, key: str) -> str:
        """A field's value."""
        return base64.b64decode(self.document["data"][key]).decode()

    def made_again(self) -> Secret:
        """A new Secret with the same data: deleting one takes its uid and annotations along."""
        again = Secret(self.document["metadata"]["name"])
        again.document["data"] = dict(self.document["data"])
        return again

    @property
    def annotations(self) -> dict[str, str]:
        """Ours, without the prefix."""
        annotations = self.document["metadata"]["annotations"]
        return {key.removeprefix(PREFIX): value for key, value in annotations.items()}

    @property
    def labels(self) -> dict[str, str]:
        """Ours, without the prefix."""
        labels = self.document["metadata"].get("labels", {})
        return {key.removeprefix(PREFIX): value for key, value in labels.items()}

    @property
    def state(self) -> tuple[str, str]:
        """Status and reason, as the annotations say."""
        return self.annotations["status"], self.annotations["reason"]


_CALLS = 6
_starting = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    # A cache alone lets two threads that come first start one each.
    with _starting:
        return _started()


@functools.cache
def _started() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="operator", daemon=True).start()
    return loop


def count_again() -> None:
    """Has lines counted that run on the operator's event loop, after counting was paused.

    It begins anew in the thread that asks for it and in those that are started from then on
    (coverage 7.17), and the loop's runs already.
    """
    if not _started.cache_info().currsize:
        return
    loop = _loop()

    def begin() -> None:
        sys.settrace(threading.gettrace())
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="operator"))

    loop.call_soon_threadsafe(begin)


def wait(coroutine: Coroutine[Any, Any, T]) -> T:
    """Runs the operator's code on its event loop, from any thread."""
    return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result()


class Operator:
    """The operator's own code around a backend, without HTTP.

    Args:
        backend: the store.
        environ: variables that differ from `ENVIRON`.
        metrics: what the backend's observer counts into.
        kube: the Kubernetes API with the other Secrets.
    """

    def __init__(
        self,
        backend: Backend,
        environ: Mapping[str, str] | None = None,
        metrics: Metrics | None = None,
        kube: Kube | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        self.environ = {**ENVIRON, **(environ or {})}
        self.parts = operator.Operator.build(
            Settings.load(self.environ), backend, self.metrics, kube
        )

    def sync(self, secret: Secret) -> Result:
        """One hook call whose answer is written on the Secret, as Metacontroller does."""
        request = SyncRequest.of(secret.document)
        result = wait(self.parts.syncer.sync(request))
        self.parts.reporter.record(request, result)
        apply_answer(secret.document, result.response.document())
        return result

    def settle(self, secret: Secret) -> list[Result]:
        """Hook calls as Metacontroller makes them: again while an answer changes the Secret."""
        results = []
        for _ in range(_CALLS):
            before = deepcopy(secret.document)
            results.append(self.sync(secret))
            if secret.document == before:
                return results
        raise AssertionError(f"{_CALLS} calls, and each changed the Secret")

    def former_grant(self, uid: str, bucket: str, user: str, second: int) -> str:
        """A ``grant`` annotation as the former version gave it."""
        keys = Settings.load(self.environ).signing_keys
        return Grants(*keys).issue_first(uid, bucket, user, second)

    def requests(self) -> int:
        """How many requests the store has got, as the metric says."""
        return round(
            sum(
                sample.value
                for family in self.metrics.registry.collect()
                for sample in family.samples
                if sample.name == "s3_operator_backend_requests_total"
            )
        )
