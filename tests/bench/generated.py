"""``python -m tests.bench.generated``: how soon an application can use a bucket that is asked for.

On each store, through a real Metacontroller: from the moment when a Secret without any credentials
is applied until what its connection Secret holds writes an object and reads it. Beside it, what no
operator could do without: a bucket and a user made by the store's administrator, and the same
object written and read. It judges nothing.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hooks.commands.processes import wait_until
from tests.bench.stores import KINDS, Stores
from tests.e2e.generated import as_connected, bare_tenant, put
from tests.e2e.stack import Programs, Stack, Tenant, running_stack
from tests.servers.build import build
from tests.servers.recipes import BuildError
from tests.servers.require import NotInstalledError, find_metacontroller
from tests.servers.table import SERVERS

_TRIES = 10
# Seconds for an object to be written with a pair that works.
_PATIENCE = 30.0


@dataclass(frozen=True)
class Row:
    """Seconds of each try on one store."""

    store: str
    applied: Sequence[float]
    bare: Sequence[float]

    def __str__(self) -> str:
        usual, bare = median(self.applied), median(self.bare)
        return (
            f"  {self.store:<12}{usual:>10.2f}{max(self.applied):>10.2f}{bare:>10.2f}"
            f"{usual / bare:>10.1f}"
        )


HEAD = f"  {'':<12}{'median s':>10}{'longest':>10}{'bare':>10}{'times':>10}"


def measure(programs: Programs, kind: str, folder: Path, tries: int) -> Row:
    """Applies Secrets one after the other, and makes as many users and buckets by hand.

    Args:
        programs: all but the store's.
        kind: the store, one of `KINDS`.
        folder: for the servers, empty.
        tries: how many of each.
    """
    stores = Stores(kind)
    settings = {} if kind == "versitygw" else {"BACKEND_NAME": kind}
    with running_stack(programs, folder, settings=settings, other=stores.start) as stack:
        namespace = stack.cluster.namespace("generated")
        # Whatever is made once, such as connections, is made before.
        applied(stack, namespace, 0)
        bare(stack)
        return Row(
            kind,
            [applied(stack, namespace, number) for number in range(1, tries + 1)],
            [bare(stack) for _ in range(tries)],
        )


def applied(stack: Stack, namespace: str, number: int) -> float:
    """Seconds from the Secret to the object that an application has read."""
    tenant = bare_tenant(stack, namespace, f"app-{number}")
    started = time.monotonic()
    put(stack, tenant)
    use(stack, as_connected(stack, tenant))
    return time.monotonic() - started


def bare(stack: Stack) -> float:
    """Seconds for the same without Kubernetes and without an operator."""
    # In the form that every store takes.
    user = f"GK{secrets.token_hex(12)}"
    tenant = Tenant("", "", f"bare-{secrets.token_hex(6)}", user, secrets.token_hex(32))
    started = time.monotonic()
    stack.s3.create_user(user, tenant.secret)
    stack.s3.create_bucket(tenant.bucket)
    stack.s3.change_owner(tenant.bucket, user)
    use(stack, tenant)
    return time.monotonic() - started


def use(stack: Stack, tenant: Tenant) -> None:
    """Writes an object and reads it, as soon as the store lets the pair."""
    wait_until(
        lambda: not stack.s3.put(tenant.bucket, "hello", b"world", as_user=tenant.credentials),
        timeout=_PATIENCE,
        what="an object to be written",
    )
    assert stack.s3.get(tenant.bucket, "hello", as_user=tenant.credentials) == b"world"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.generated", description=__doc__)
    parser.add_argument("--tries", type=int, default=_TRIES, metavar="N", help="on each store")
    parser.add_argument(
        "stores", nargs="*", metavar="STORE", help=f"all unless given: {', '.join(KINDS)}"
    )
    options = parser.parse_args()
    kinds = options.stores or [kind for kind in KINDS if not SERVERS[kind].on_request]
    try:
        programs = Programs(
            etcd=build("etcd"),
            kube_apiserver=build("kube-apiserver"),
            versitygw=build("versitygw"),
            metacontroller=find_metacontroller(),
        )
        print(HEAD)
        for kind in kinds:
            with tempfile.TemporaryDirectory(prefix="s3-resource-operator-") as folder:
                print(measure(programs, kind, Path(folder), options.tries), flush=True)
    except (BuildError, NotInstalledError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
