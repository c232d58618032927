"""Several gateways: users are changed through one, and all of them hear of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.subject import RealSubject, seaweedfs_subject
from tests.servers.seaweedfs import SeaweedStore
from tests.support import Operator, Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
READY = ("Ready", "Provisioned")
NOT_YET = ("Retrying", "NotYetVisible")


@pytest.fixture(scope="module")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSubject]:
    with seaweedfs_subject(tmp_path_factory.mktemp("seaweedfs")) as subject:
        yield subject


@pytest.fixture(scope="module")
def settings(seaweedfs: RealSubject) -> Iterator[dict[str, str]]:
    """Of an operator whose S3 requests go through a gateway that changes no users."""
    store = seaweedfs.store
    assert isinstance(store, SeaweedStore)
    with store.gateway() as url:
        yield {"S3_ENDPOINT_URL": url, "S3_ADMIN_ENDPOINT_URL": store.url}


def _ready(operator: Operator, secret: Secret) -> None:
    """What the gateway has not heard of yet it is asked about again, and soon."""
    for _ in range(4):
        operator.sync(secret)
        if secret.state == READY:
            return
        assert secret.state == NOT_YET
    pytest.fail(f"not ready: {secret.annotations}")


def test_everything_goes_through_both(seaweedfs: RealSubject, settings: dict[str, str]) -> None:
    store, url = seaweedfs.store, settings["S3_ENDPOINT_URL"]
    for number in range(4):
        bucket, user = f"behind-{number}", f"behind{number}"
        operator = seaweedfs.operator({**settings, "ADOPTION": "never"})
        secret = Secret.claiming(bucket, user, SECRET)
        _ready(operator, secret)
        assert store.owner(bucket) == user
        assert store.put(bucket, "key", b"body", as_user=(user, SECRET)) == ""
        secret.set(access_secret=OTHER_SECRET)
        _ready(operator, secret)
        secret.set(access_key=f"{user}new")
        _ready(operator, secret)
        assert store.owner(bucket) == f"{user}new"
        found = store.get(bucket, "key", as_user=(f"{user}new", OTHER_SECRET))
        assert found == b"body"
        before = operator.requests()
        operator.sync(secret)
        assert operator.requests() == before + 1
        assert secret.annotations["endpoint"] == url


def test_a_gateway_that_changes_no_users_is_named(
    seaweedfs: RealSubject, settings: dict[str, str]
) -> None:
    """As each is by default: it was not S3_ADMIN_ENDPOINT_URL's."""
    alone = {**settings, "S3_ADMIN_ENDPOINT_URL": settings["S3_ENDPOINT_URL"]}
    secret = Secret.claiming("by-the-wrong-one", "bythewrongone", SECRET)
    seaweedfs.operator(alone).sync(secret)
    assert secret.state == ("Retrying", "OperatorMisconfigured")
    assert "readOnly=false" in secret.annotations["message"]
    assert "bythewrongone" not in seaweedfs.names()[0]
