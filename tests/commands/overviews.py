"""The command `status`, called on Secrets as the operator leaves them."""

from __future__ import annotations

import argparse

from hooks.commands.overview import add_parser, run
from tests.servers.accounts import secret
from tests.servers.cluster import Cluster
from tests.support import PREFIX


def call(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command"))
    return run(parser.parse_args(["status", *words]))


def put(
    cluster: Cluster,
    namespace: str,
    name: str,
    status: str,
    *,
    prefix: str = PREFIX,
    labels: dict[str, str] | None = None,
    **annotations: str,
) -> None:
    """A Secret as the operator leaves it."""
    values = {"enabled": "true", "status": status, **annotations}
    cluster.api.create(
        secret(
            namespace,
            name,
            annotations={prefix + key.replace("_", "-"): value for key, value in values.items()},
            labels={f"{prefix}status": status, **(labels or {})},
            data={"access-secret": "hunter2"},
        )
    )
