"""What several modules of tests about removal share."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator

import pytest

from tests.servers.cluster import Cluster


@pytest.fixture
def namespace(api_cluster: Cluster) -> Iterator[str]:
    """One of its own, whose Secrets go in the end whatever holds them."""
    made = api_cluster.namespace(f"removal-{random.token_hex(4)}")
    yield made
    for found in api_cluster.api.list("Secret", made):
        change = {"metadata": {"finalizers": None}}
        api_cluster.api.merge("Secret", found["metadata"]["name"], made, change)
    api_cluster.api.delete_all("Secret", made)
