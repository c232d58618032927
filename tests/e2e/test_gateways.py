"""Several VersityGW gateways on the same accounts, each of which remembers them for a while.

The operator isn't the root account here, which no gateway lists among the users.
"""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.e2e.rivals import OWN, holds, state, synced
from tests.e2e.stack import Programs, Stack, Tenant, running_stack
from tests.servers.require import require, require_metacontroller
from tests.servers.store import Store

pytestmark = pytest.mark.e2e

OPERATOR = "another-administrator"


@dataclass(frozen=True)
class Gateways:
    """Two: the operator knows one of them."""

    stack: Stack
    other: Store
    namespace: str

    def provisioned(self, name: str) -> Tenant:
        """A tenant that the operator's gateway remembers."""
        tenant = self.stack.provision(self.stack.tenant(self.namespace, name))
        assert self.stack.works(tenant)
        self.stack.settle(quiet=0.3)
        return tenant


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    directory = tmp_path_factory.mktemp("gateways")
    program = require("versitygw")
    secret = random.token_urlsafe(24)

    def store(folder: Path) -> Store:
        # With its cache of accounts, of 120 s.
        store = Store(program, folder, cache=True)
        store.create_user(OPERATOR, secret, role="admin")
        return store

    programs = Programs(
        etcd=require("etcd"),
        kube_apiserver=require("kube-apiserver"),
        versitygw=program,
        metacontroller=require_metacontroller(),
    )
    # Every call is in the log, which tells when a Secret was looked at.
    settings = {"S3_ACCESS_KEY": OPERATOR, "S3_SECRET_KEY": secret, "LOG_LEVEL": "DEBUG"}
    with running_stack(programs, directory, settings=settings, other=store) as stack:
        other = Store(program, directory / "store", cache=True)
        try:
            yield Gateways(stack, other, stack.cluster.namespace("gateways"))
        finally:
            other.stop()


def is_no_administrator(stack: Stack, tenant: Tenant) -> bool:
    """Whether it was never said that the user is one."""
    return "AdminUser" not in stack.told(tenant)


def test_a_user_deleted_through_another_gateway_is_made_again(gateways: Gateways) -> None:
    stack, tenant = gateways.stack, gateways.provisioned("rotated")
    gateways.other.delete_user(tenant.access_key)
    assert tenant.access_key not in gateways.other.users()

    rotated = stack.rotate(tenant)

    assert is_no_administrator(stack, rotated)
    assert holds(stack, rotated) == OWN
    assert gateways.other.users()[tenant.access_key].secret == rotated.secret
    assert gateways.other.owner(tenant.bucket) == tenant.access_key


def test_a_secret_made_again_after_that_is_ready(gateways: Gateways) -> None:
    stack, tenant = gateways.stack, gateways.provisioned("first")
    stack.delete(tenant)
    stack.settle(quiet=0.3)
    gateways.other.delete_user(tenant.access_key)
    again = replace(tenant, name="again", secret=random.token_urlsafe(24))

    stack.provision(again)

    assert is_no_administrator(stack, again)
    assert stack.works(again)
    assert holds(stack, again) == OWN


def test_the_root_account_is_never_changed(gateways: Gateways) -> None:
    """It isn't listed either, and yet it is an administrator."""
    stack, root = gateways.stack, gateways.stack.store
    wants = replace(stack.tenant(gateways.namespace, "wants-root"), access_key=root.access_key)
    stack.put(wants)
    stack.wait_for(wants, "Conflict", "AdminUser")
    assert synced(stack, wants) == ("Conflict", "AdminUser")
    assert root.access_key not in root.users()
    assert wants.bucket not in root.owners()
    assert holds(stack, wants) == [None, None]
    # The store itself refuses it, which is what tells the two apart.
    with pytest.raises(RuntimeError, match="XAdminUserExists"):
        root.create_user(root.access_key, random.token_urlsafe(24))
    assert state(stack, wants) == ("Conflict", "AdminUser")
