"""Two gateways of the same users, of which one remembers for a while what the other has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hooks.commands.processes import free_port, versitygw, wait_until
from tests.conformance.subject import RealSubject, versitygw_subject
from tests.servers.require import require
from tests.support import Operator, Secret

pytestmark = pytest.mark.server

SECRET = "a-very-strong-and-long-password"
OTHER_SECRET = "another-strong-and-long-password"
ADMINS = {"S3_ACCESS_KEY": "second-admin", "S3_SECRET_KEY": SECRET}
READY = ("Ready", "Provisioned")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[RealSubject, str]]:
    """The one that S3 requests go through, with a cache of six seconds, and the admin's address."""
    port = free_port()
    with versitygw_subject(
        tmp_path, ["--iam-cache-ttl=6", "--iam-cache-prune=1"], cache=True
    ) as real:
        root = real.store.access_key, real.store.secret_key
        with versitygw(
            require("versitygw"), tmp_path, port=port, access_key=root[0], secret_key=root[1]
        ):
            yield real, f"http://127.0.0.1:{port}"


def ready_again(operator: Operator, secret: Secret) -> None:
    def synced() -> bool:
        operator.sync(secret)
        return secret.state == READY

    wait_until(synced, timeout=30, what="the gateway to forget the former secret", interval=1)


def test_one_that_remembers_a_users_secret_is_not_one_behind_a_proxy(
    two: tuple[RealSubject, str],
) -> None:
    real, admin = two
    operator = real.operator({"S3_ADMIN_ENDPOINT_URL": admin})
    secret = Secret.claiming("app", "app-user", SECRET)
    operator.settle(secret)
    assert secret.state == READY
    secret.set(access_secret=OTHER_SECRET)
    for _ in range(2):
        operator.sync(secret)
        assert secret.state == ("Retrying", "NotYetVisible")
    ready_again(operator, secret)
    assert real.accepts("app-user", OTHER_SECRET)


def test_one_that_remembers_the_operators_own_secret_is_got_over(
    two: tuple[RealSubject, str],
) -> None:
    """No signature of a user that was just written is accepted there, nor is the operator's."""
    real, admin = two
    real.create_user("second-admin", SECRET, "admin")
    operator = real.operator({"S3_ADMIN_ENDPOINT_URL": admin, **ADMINS})
    secret = Secret.claiming("app", "app-user", SECRET)
    operator.settle(secret)
    assert secret.state == READY
    here = real.store.url
    real.store.url = admin
    real.store.set_secret("second-admin", OTHER_SECRET)
    real.store.url = here
    rotated = real.operator(
        {"S3_ADMIN_ENDPOINT_URL": admin, **ADMINS, "S3_SECRET_KEY": OTHER_SECRET}
    )
    # What is as it was stays Ready.
    rotated.sync(secret)
    assert secret.state == READY
    secret.set(access_secret=OTHER_SECRET)
    rotated.sync(secret)
    assert secret.state[0] == "Retrying"
    ready_again(rotated, secret)
    assert real.accepts("app-user", OTHER_SECRET)
