"""The Secrets that a cluster is filled with, and a quick way to make them."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.bench.floor import secret_of
from tests.e2e.stack import ENABLED
from tests.servers.api import Object
from tests.servers.cluster import Cluster

BYSTANDERS = "bystanders"
TENANTS = "tenants"
ATTACKER = "attacker"
HELD = "bucket-of-the-holder"
"""The bucket that the first tenant holds and that every contender names."""

_WORKERS = 10
_RELEASE = "helm.sh/release.v1"


@dataclass(frozen=True)
class Size:
    """How much there is of everything.

    Args:
        tenants: annotated Secrets that are Ready.
        few: others, in a cluster of its own.
        crowd: others, beside which the builds are compared.
        many: others in the end.
        releases: of Helm's, among the others.
        release_bytes: of one of those.
        contenders: annotated Secrets that name the first tenant's bucket.
        contender_bytes: of one of those.
        tries: how often each thing is measured.
        slow_tries: likewise, where it takes the earlier build long.
        seconds: for which the contenders are at work.
        patience: seconds until a new Secret is given up on.
    """

    tenants: int
    few: int
    crowd: int
    many: int
    releases: int
    release_bytes: int
    contenders: int
    contender_bytes: int
    tries: int
    slow_tries: int
    seconds: float
    patience: float


FULL = Size(
    tenants=100,
    few=5_000,
    crowd=20_000,
    many=50_000,
    releases=20,
    release_bytes=900_000,
    contenders=300,
    contender_bytes=700 * 1024,
    tries=7,
    slow_tries=3,
    seconds=75,
    patience=60,
)
SMALL = Size(
    tenants=4,
    few=20,
    crowd=60,
    many=120,
    releases=2,
    release_bytes=900_000,
    contenders=8,
    contender_bytes=100 * 1024,
    tries=2,
    slow_tries=1,
    seconds=4,
    patience=30,
)


def make(cluster: Cluster, secrets: Iterable[Object]) -> list[Object]:
    """Makes Secrets over several connections; they are answered as the API has them."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        return list(pool.map(cluster.api.create, secrets))


def each(do: Callable[[Object], object], secrets: Sequence[Object]) -> None:
    """Does something with each Secret, over several connections."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        list(pool.map(do, secrets))


def bystanders(first: int, end: int) -> Iterable[Object]:
    """Small Secrets that are none of the operator's."""
    for number in range(first, end):
        data = {"username": f"user-{number}", "password": secret_of(number)}
        yield _secret(BYSTANDERS, f"bystander-{number}", data)


def releases(size: Size) -> Iterable[Object]:
    """Releases of Helm's, which are large and never annotated."""
    for number in range(size.releases):
        name = f"sh.helm.release.v1.release-{number}.v1"
        manifest = _secret(BYSTANDERS, name, {"release": "r" * size.release_bytes})
        yield {**manifest, "type": _RELEASE}


def tenants(size: Size) -> Iterable[Object]:
    """Those that are to become Ready; the first is the holder."""
    for number in range(size.tenants):
        bucket = HELD if number == 0 else f"bucket-of-tenant-{number}"
        yield annotated(TENANTS, f"tenant-{number}", bucket, f"tenant-{number:05}", number)


def contenders(size: Size) -> Iterable[Object]:
    """Those that name the holder's bucket, and are large."""
    for number in range(size.contenders):
        made = annotated(ATTACKER, f"contender-{number}", HELD, f"contender-{number:05}", number)
        made["data"]["filler"] = _encode("c" * size.contender_bytes)
        yield made


def annotated(namespace: str, name: str, bucket: str, user: str, number: int) -> Object:
    """A Secret that asks the operator for a bucket."""
    data = {"bucket-name": bucket, "access-key": user, "access-secret": secret_of(number)}
    made = _secret(namespace, name, data)
    made["metadata"]["annotations"] = dict(ENABLED)
    return made


def recorded() -> Object:
    """A call of Metacontroller's; whatever it shows is to be replaced."""
    path = Path(__file__).parents[2] / "fixtures" / "metacontroller" / "sync-new.json"
    body: Object = json.loads(path.read_text())["body"]
    return copy.deepcopy(body)


def _secret(namespace: str, name: str, data: dict[str, str]) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"namespace": namespace, "name": name},
        "data": {key: _encode(text) for key, text in data.items()},
    }


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
