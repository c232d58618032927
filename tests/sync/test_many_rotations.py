"""Many Secrets with generated credentials that all rotate in one window, on a real store.

A thousand, with `ROTATIONS=1000`, took 186 s on a busy machine, most of it in VersityGW, which
reads all its users for each request where its cache is off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attended import SIGNING_KEY, Attended, ago, cluster_of
from tests.conformance.subject import RealSubject, versitygw_subject
from tests.servers.store import Store
from tests.support import Operator

pytestmark = [pytest.mark.server, pytest.mark.long]

MANY = int(os.environ.get("ROTATIONS", "200"))
# As many calls at a time as Metacontroller has workers in the recommended settings.
WORKERS = 10
# A rotation's own: a probe of either pair, the change, and probes until all is written down.
MOST_REQUESTS = 12
BODY = b"written by an application"


@pytest.fixture
def subject(tmp_path: Path) -> Iterator[RealSubject]:
    with versitygw_subject(tmp_path) as made:
        yield made


def sync(secrets: list[Attended], operator: Operator, times: int) -> None:
    """As often as each Secret is synced until it is Ready and written down."""

    def each(secret: Attended) -> None:
        for _ in range(times):
            secret.sync(operator)

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(each, secrets))
    assert {secret.state for secret in secrets} == {("Ready", "Provisioned")}


def pairs_of(secrets: list[Attended]) -> Mapping[str, str]:
    """What applications have."""
    return dict(secret.pair for secret in secrets)


def accepted(store: Store) -> Mapping[str, str]:
    """Every user of the store with its secret, as the store itself lists them."""
    return {name: user.secret for name, user in store.users().items()}


def test_all_rotate_and_none_is_left_that_stands_nowhere(subject: RealSubject) -> None:
    store = subject.store
    assert isinstance(store, Store)
    secrets = [Attended(f"bucket-{number:04}") for number in range(MANY)]
    environ = {**subject.without_proxy(), "SIGNING_KEY": SIGNING_KEY}
    operator = subject.operator(environ, kube=cluster_of(*secrets))
    sync(secrets, operator, 2)
    former = pairs_of(secrets)
    assert accepted(store) == former
    some = secrets[:: MANY // 10]
    for secret in some:
        bucket = secret.plain("bucket-name")
        assert subject.put(bucket, "key", BODY, as_user=secret.pair) == ""

    requests, moment = operator.requests(), ago(1)
    for secret in secrets:
        secret.annotate(rotate=moment)
    sync(secrets, operator, 2)

    after = pairs_of(secrets)
    assert not after.items() & former.items()
    assert accepted(store) == after
    assert operator.requests() - requests <= MOST_REQUESTS * MANY
    assert {secret.annotations["credentials-since"] for secret in secrets} == {moment}
    owners = store.owners()
    for secret in secrets:
        assert owners[secret.plain("bucket-name")] == secret.pair[0]
    for secret in some:
        bucket = secret.plain("bucket-name")
        assert subject.get(bucket, "key", as_user=secret.pair) == BODY
        refused = subject.get(bucket, "key", as_user=(secret.pair[0], former[secret.pair[0]]))
        assert refused == "SignatureDoesNotMatch"

    # Nothing is left to do, and nobody is looked at before something is.
    requests = operator.requests()
    for secret in secrets:
        before = json.dumps(secret.document)
        assert secret.sync(operator).response.resync_after is None
        assert json.dumps(secret.document) == before
    assert operator.requests() - requests == MANY
