"""One set of servers for all end-to-end tests, one namespace for each."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.stack import Programs, Stack, prefixed, running_stack
from tests.servers.ceph_rgw import CephRGWStore
from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.require import require, require_metacontroller
from tests.servers.rustfs import RustFSStore
from tests.servers.s3 import S3Store
from tests.servers.seaweedfs import SeaweedStore
from tests.servers.store import Store

ALIAS = "s3.example.org:7070"
"""Another name of the store, which nobody can resolve: endpoints are only compared."""

# Only namespaces that begin so are limited.
POLICY = """
rules:
  - name: policed
    namespaces: ["policed-*"]
    buckets: ["{namespace}.*"]
    access-keys: ["{namespace}.*"]
    adoption: never
    deletion: [retain, delete-user]
  - name: those that have names of their own
    namespaces: ["kept-*"]
    buckets: ["{namespace}.*"]
    access-keys: ["{namespace}.*"]
    adoption: own-names
  - name: those that take over what is left behind
    namespaces: ["unowned-*"]
    adoption: unowned
  - name: those that take nothing over
    namespaces: ["never-*"]
    adoption: never
  - name: everybody else
    namespaces: ["*"]
"""
OTHER_STORES: dict[str, Callable[[Path, Path], S3Store]] = {
    "minio": MinioStore,
    "garage": GarageStore,
    "ceph-rgw": CephRGWStore,
    "seaweedfs": SeaweedStore,
    "rustfs": RustFSStore,
}
Stacks = Callable[[str], Stack]


@pytest.fixture(scope="package")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stacks]:
    """Starts a store's servers when they are first asked for; they end with the last file here."""
    with ExitStack() as running:
        made: dict[str, Stack] = {}

        def stack_of(kind: str) -> Stack:
            if kind not in made:
                directory = tmp_path_factory.mktemp(kind)
                made[kind] = running.enter_context(_running(kind, directory))
            return made[kind]

        yield stack_of


def _running(kind: str, directory: Path) -> AbstractContextManager[Stack]:
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    policy = directory / "policy.yaml"
    policy.write_text(POLICY)
    # At DEBUG, so that whatever could leak into a log does so here.
    settings = {"LOG_LEVEL": "DEBUG", "DELETION": "on", "POLICY_FILE": str(policy)}
    if kind == "versitygw":
        settings["S3_ENDPOINT_ALIASES"] = ALIAS
    else:
        settings["BACKEND_NAME"] = kind
    program = require(kind)

    def store(folder: Path) -> S3Store:
        if kind == "versitygw":
            return Store(program, folder)
        return OTHER_STORES[kind](program, folder)

    return running_stack(programs, directory, settings=settings, other=store)


@pytest.fixture(scope="package")
def stack(stacks: Stacks) -> Stack:
    return stacks("versitygw")


@pytest.fixture(scope="package", params=OTHER_STORES)
def other_stack(request: pytest.FixtureRequest, stacks: Stacks) -> Stack:
    """The same with another store in VersityGW's place."""
    return stacks(request.param)


@pytest.fixture(scope="package", params=["versitygw", *OTHER_STORES])
def every_stack(request: pytest.FixtureRequest, stacks: Stacks) -> Stack:
    """The same with each store."""
    return stacks(request.param)


Places = Callable[[Stack, str], str]


@pytest.fixture
def places() -> Iterator[Places]:
    """Makes namespaces whose names begin with a word, as the policy tells them apart."""
    with ExitStack() as made:
        yield lambda stack, word: made.enter_context(contextmanager(_namespace)(stack, word))


@pytest.fixture
def other_namespace(other_stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    yield from _namespace(other_stack, request.node.name)


@pytest.fixture
def other_strangers_namespace(other_stack: Stack) -> Iterator[str]:
    yield from _namespace(other_stack, "strangers")


@pytest.fixture
def namespace(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, which leaves no Secret behind."""
    yield from _namespace(stack, request.node.name)


@pytest.fixture
def strangers_namespace(stack: Stack) -> Iterator[str]:
    """Another one, for who wants what isn't theirs."""
    yield from _namespace(stack, "strangers")


@pytest.fixture
def policed_namespace(stack: Stack) -> Iterator[str]:
    """One that the policy limits."""
    yield from _namespace(stack, "policed")


def _namespace(stack: Stack, test: str) -> Iterator[str]:
    name = re.sub(r"[^a-z0-9]+", "-", test.lower()).strip("-")[:24].strip("-")
    made = stack.cluster.namespace(f"{name}-{secrets.token_hex(3)}")
    yield made
    for secret in stack.cluster.api.list("Secret", made):
        # Nothing of a test's is held back when it is over.
        if secret["metadata"].get("finalizers"):
            change = {"metadata": {"annotations": prefixed({"deletion-policy": None})}}
            stack.cluster.api.merge("Secret", secret["metadata"]["name"], made, change)
    # Twice: a connection Secret that goes before its owner is made again, and here there is no
    # garbage collector.
    for _ in range(2):
        stack.cluster.api.delete_all("Secret", made)
        stack.settle(quiet=0.2)
