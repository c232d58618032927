"""What the tests of several folders share: a plugin of the processes that run them."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from hypothesis import settings

from hooks.cluster.kube import Kube
from tests.live import OPERATORS_RIGHTS, kube_of
from tests.loggers import logging_kept
from tests.manifests import load
from tests.properties.profile import PROFILE
from tests.rivals import World, two_namespaces
from tests.schema import strict
from tests.servers.accounts import account
from tests.servers.cluster import Cluster, running_cluster
from tests.servers.require import require, require_crds
from tests.support import count_again

settings.load_profile(PROFILE)

# Where there is one already: most files need none.
_CLUSTER = pytest.StashKey[Cluster]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, object, object]:
    """What isn't counted starts no program that is.

    Counting which lines run takes as long as running them. `no_cover` is for what does again, at
    other moments or in another order, what other tests have counted.
    """
    if not _uncounted(item):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        done = yield
    if not _uncounted(nextitem):
        count_again()
    return done


def _uncounted(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("no_cover") is not None


@pytest.fixture(scope="session", autouse=True)
def _no_cluster_of_a_kubeconfig() -> Iterator[None]:
    """Whoever runs the tests may have one, which is none of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", os.devnull)
        yield


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Which tests run before in the same process makes no difference to what is logged."""
    with logging_kept():
        yield


@pytest.fixture(scope="session")
def api_cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A Kubernetes API without Metacontroller, for what the operator asks of it."""
    with running_cluster(
        tmp_path_factory.mktemp("api"),
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
    ) as cluster:
        request.session.stash[_CLUSTER] = cluster
        yield cluster
        del request.session.stash[_CLUSTER]


@pytest.fixture(scope="module", autouse=True)
def _no_secret_for_the_next_file(request: pytest.FixtureRequest) -> Iterator[None]:
    """The operator looks at all Secrets that there are, and files share the Kubernetes API."""
    yield
    if (cluster := request.session.stash.get(_CLUSTER, None)) is not None:
        cluster.sweep()


@pytest.fixture(scope="session")
def kube(api_cluster: Cluster) -> Iterator[Kube]:
    """The API with the rights that the manifests give the operator, and no more."""
    client = kube_of(account(api_cluster, *OPERATORS_RIGHTS))
    yield client
    client.close()


@pytest.fixture
def world(api_cluster: Cluster, kube: Kube) -> Iterator[World]:
    """Two namespaces whose Secrets are rivals, with a store of their own."""
    with two_namespaces(api_cluster, kube) as made:
        yield made


@pytest.fixture
def decorator_schema() -> Any:
    """Of a DecoratorController, in the CRDs of a Metacontroller."""
    path = require_crds()
    for document in load(path):
        if document["spec"]["names"]["kind"] == "DecoratorController":
            version = next(v for v in document["spec"]["versions"] if v["name"] == "v1alpha1")
            return strict(version["schema"]["openAPIV3Schema"])
    pytest.fail(f"{path} holds no DecoratorController")
