"""A tenant that brings no credentials, as an application sees it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace

from hooks.commands.processes import wait_until
from tests.e2e.stack import ENABLED, Stack, Tenant, prefixed


def connection_of(tenant: Tenant) -> str:
    """Its connection Secret's name: here nothing collects one whose owner is gone."""
    return f"{tenant.name}-s3"


def bare_tenant(stack: Stack, namespace: str, name: str = "credentials") -> Tenant:
    """One with a bucket's name alone."""
    return replace(stack.tenant(namespace, name), access_key="", secret="")


def put(stack: Stack, tenant: Tenant, annotations: Mapping[str, str] | None = None) -> None:
    """Makes or changes its Secret, in which no credential stands."""
    asks = {"credentials": "generated", "connection-secret": connection_of(tenant)}
    stack.cluster.api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": tenant.name,
                "namespace": tenant.namespace,
                "annotations": {**ENABLED, **prefixed({**asks, **(annotations or {})})},
            },
            "stringData": {"bucket-name": tenant.bucket},
        }
    )


def environment(stack: Stack, tenant: Tenant, connection: str = "") -> dict[str, str]:
    """What a pod gets by `envFrom` of the connection Secret; empty where it isn't there."""
    found = stack.cluster.api.get("Secret", connection or connection_of(tenant), tenant.namespace)
    data = {} if found is None else found["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def as_connected(stack: Stack, tenant: Tenant, connection: str = "") -> Tenant:
    """The tenant with the pair that applications have; it has come to be by now, and works."""
    found = tenant

    def works() -> bool:
        nonlocal found
        environ = environment(stack, tenant, connection)
        if "AWS_SECRET_ACCESS_KEY" not in environ:
            return False
        found = replace(
            tenant,
            access_key=environ["AWS_ACCESS_KEY_ID"],
            secret=environ["AWS_SECRET_ACCESS_KEY"],
        )
        stack.secrets_used.add(found.secret)
        return stack.works(found)

    wait_until(works, timeout=30, what=f"what {tenant.name} is given to work")
    return found


def provisioned(
    stack: Stack, tenant: Tenant, annotations: Mapping[str, str] | None = None
) -> Tenant:
    """The tenant, Ready, with its first pair."""
    put(stack, tenant, annotations)
    stack.wait_for(tenant, "Ready", timeout=30)
    return as_connected(stack, tenant)


def renewed(stack: Stack, former: Tenant) -> Tenant:
    """The tenant with another pair than that one, once applications have it."""
    wait_until(
        lambda: environment(stack, former).get("AWS_SECRET_ACCESS_KEY") != former.secret,
        timeout=30,
        what="the connection Secret to follow",
    )
    return as_connected(stack, former)
