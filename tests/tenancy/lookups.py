"""Look-ups of other Secrets, and the Secrets that are looked for."""

from __future__ import annotations

import time
from typing import Any

import pytest

from backends.wire.deadline import Deadline
from backends.wire.sensitive import Sensitive
from hooks.cluster.kube import Kube, Listing
from hooks.contract.grant import Grant, Grants, Holding, Kind
from hooks.contract.status import Keys, name_hash
from hooks.tenancy.others import Others
from hooks.tenancy.standing import Thing
from tests.live import ENABLED
from tests.rivals import (
    World,
)
from tests.servers.accounts import secret
from tests.servers.api import Object
from tests.support import ENVIRON, PREFIX, wait

KEYS = Keys(ENABLED)
GRANTS = Grants(Sensitive("a-key"))
ENDPOINT = ENVIRON["S3_ENDPOINT_URL"]


def others(kube: Kube, *, endpoint: str | None = ENDPOINT, grants: Grants = GRANTS) -> Others:
    return Others(kube, KEYS, grants, endpoint)


def found(kube: Kube, bucket: str, *, endpoint: str | None = ENDPOINT) -> set[str]:
    """Names of the Secrets that hold a bucket; whoever asks and however, they are the same."""
    deadline = Deadline(20)
    answers = [
        wait(
            others(kube, endpoint=endpoint).holders(
                Thing.BUCKET, bucket, "none/none", deadline, lately=lately
            )
        )
        for lately in (False, True)
    ]
    assert abs(answers[0].second - time.time()) < 60
    names = [{other.request.name for other in answer.others} for answer in answers]
    assert names[0] == names[1]
    return names[0]


def unproven(kube: Kube, bucket: str, *, endpoint: str | None = ENDPOINT) -> set[str]:
    """Names of the Secrets that name a bucket, and of which only the store tells."""
    look = others(kube, endpoint=endpoint)
    answer = wait(look.unproven(Thing.BUCKET, bucket, {"someone"}, "none/none", Deadline(20)))
    return {other.request.name for other in answer.others}


def own(second: int = 1) -> Holding:
    return Holding(second, Kind.OWN)


def named(
    world: World, bucket: str, name: str, grant: Grant | None = None, /, **metadata: object
) -> Object:
    """A Secret that names the bucket and has its labels; with a grant, which has to name its uid.

    None gives it its own for that bucket.
    """
    manifest = secret(
        world.theirs,
        name,
        annotations={ENABLED: "true", f"{PREFIX}status": "Ready"},
        labels={
            f"{PREFIX}bucket-hash": name_hash(bucket),
            f"{PREFIX}user-hash": name_hash("someone"),
            f"{PREFIX}status": "Ready",
        },
        data={"bucket-name": bucket, "access-key": "someone", "access-secret": "something"},
    )
    data = metadata.pop("data", {})
    manifest["metadata"].update(metadata)
    manifest["stringData"] |= data
    world.cluster.api.create(manifest)
    made = world.cluster.api.get("Secret", name, world.theirs)
    assert made is not None
    given = grant or Grant("someone", own(), {bucket: own()})
    token = GRANTS.issue(made["metadata"]["uid"], given, int(time.time()))
    return annotate(world, name, {f"{PREFIX}grants": token})


def annotate(world: World, name: str, annotations: dict[str, str | None]) -> Object:
    change = {"metadata": {"annotations": annotations}}
    return world.cluster.api.merge("Secret", name, world.theirs, change)


class Spy:
    """Sees what a Kubernetes client is asked.

    Args:
        world: the namespaces whose Secrets count; the API is other tests' too.
        kube: the client.
        patch: how it is looked at.
    """

    def __init__(self, world: World, kube: Kube, patch: pytest.MonkeyPatch) -> None:
        self.lists: list[dict[str, Any]] = []
        self.reads: list[tuple[str, bool]] = []
        listed, read = kube.secrets, kube.secret

        def secrets(
            namespace: str | None = None, selector: str | None = None, **options: Any
        ) -> Listing:
            self.lists.append({"namespace": namespace, "selector": selector, **options})
            return listed(namespace, selector, **options)

        def secret(
            namespace: str, name: str, *, timeout: float, metadata_only: bool = False
        ) -> Object | None:
            if namespace in (world.mine, world.theirs):
                self.reads.append((name, metadata_only))
            return read(namespace, name, timeout=timeout, metadata_only=metadata_only)

        patch.setattr(kube, "secrets", secrets)
        patch.setattr(kube, "secret", secret)

    @property
    def data_read(self) -> list[str]:
        """Names of the Secrets whose data was read, in order."""
        return [name for name, metadata_only in self.reads if not metadata_only]
