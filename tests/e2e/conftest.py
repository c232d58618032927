"""One set of servers for all end-to-end tests, one namespace for each."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import Programs, Stack, prefixed, running_stack
from tests.servers.garage import GarageStore
from tests.servers.minio import MinioStore
from tests.servers.require import require, require_metacontroller
from tests.servers.s3 import S3Store
from tests.servers.store import Store

ALIAS = "s3.example.org:7070"
"""Another name of the store, which nobody can resolve: endpoints are only compared."""

# Only namespaces that begin with `policed-` are limited.
POLICY = """
rules:
  - name: policed
    namespaces: ["policed-*"]
    buckets: ["{namespace}.*"]
    access-keys: ["{namespace}.*"]
    adoption: never
    deletion: [retain, delete-user]
  - name: everybody else
    namespaces: ["*"]
"""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    directory = tmp_path_factory.mktemp("stack")
    policy = directory / "policy.yaml"
    policy.write_text(POLICY)
    # At DEBUG, so that whatever could leak into a log does so here.
    settings = {
        "LOG_LEVEL": "DEBUG",
        "DELETION": "on",
        "POLICY_FILE": str(policy),
        "S3_ENDPOINT_ALIASES": ALIAS,
    }

    def versitygw(folder: Path) -> Store:
        # VersityGW 1.8.0 mixes accounts up in its cache, now and then: docs/backends.md.
        return Store(programs.versitygw, folder, extra_args=["--iam-cache-disable"])

    with running_stack(programs, directory, settings=settings, other=versitygw) as running:
        yield running


@pytest.fixture(scope="session", params=["minio", "garage"])
def other_stack(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The same with another store in VersityGW's place."""
    kind: str = request.param
    stores: dict[str, Callable[[Path, Path], S3Store]] = {
        "minio": MinioStore,
        "garage": GarageStore,
    }
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    program = require(kind)
    settings = {"LOG_LEVEL": "DEBUG", "BACKEND_NAME": kind, "DELETION": "on"}
    with running_stack(
        programs,
        tmp_path_factory.mktemp(kind),
        settings=settings,
        other=lambda folder: stores[kind](program, folder),
    ) as running:
        yield running


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
