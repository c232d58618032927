"""One set of servers for all end-to-end tests, one namespace for each."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator

import pytest

from tests.e2e.stack import Programs, Stack, running_stack
from tests.servers.require import require, require_metacontroller


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=require("versitygw"),
        metacontroller=require_metacontroller(),
    )
    directory = tmp_path_factory.mktemp("stack")
    # At DEBUG, so that whatever could leak into a log does so here.
    with running_stack(programs, directory, settings={"LOG_LEVEL": "DEBUG"}) as running:
        yield running


@pytest.fixture
def namespace(stack: Stack, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own, which leaves no Secret behind."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")[:24].strip("-")
    made = stack.cluster.namespace(f"{name}-{secrets.token_hex(3)}")
    yield made
    stack.cluster.api.delete_all("Secret", made)
    stack.settle(quiet=0.2)
