"""The documents' annotated Secrets on a real cluster: each becomes Ready, with its keys."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from hooks.attachments.formats import FORMATS
from hooks.commands.processes import wait_until
from tests.documents.test_connection_secrets import SETS
from tests.e2e.stack import PREFIX, Stack
from tests.servers.api import Object

pytestmark = pytest.mark.e2e


def applied(stack: Stack, namespace: str, secret: dict[str, Any]) -> Object:
    """As `kubectl apply` has it, in a namespace of the test's, and with names of its own."""
    data = dict(secret["stringData"])
    # The store is shared by all tests; everything else is as it is written.
    for key in ("bucket-name", "access-key"):
        data[key] = f"{namespace}.{data[key].removeprefix('team-a.')}"[:63]
    metadata = {**secret["metadata"], "namespace": namespace}
    stack.secrets_used.add(data["access-secret"])
    return stack.cluster.api.apply({**secret, "metadata": metadata, "stringData": data})


def test_every_example_ends_ready_with_the_keys_of_its_format(stack: Stack, namespace: str) -> None:
    api = stack.cluster.api
    wanted: dict[str, tuple[str, set[str]]] = {}
    for _, documents in SETS:
        for document in documents:
            if document["kind"] == "Secret":
                found = applied(stack, namespace, document)
                marks = found["metadata"]["annotations"]
                formats = marks.get(f"{PREFIX}connection-format", "")
                keys = {key for name in formats.split(",") if name for key in FORMATS[name].keys}
                name = found["metadata"]["name"]
                wanted[name] = marks[f"{PREFIX}connection-secret"], keys
            elif document["apiVersion"] in ("v1", "apps/v1", "batch/v1"):
                metadata = {**document["metadata"], "namespace": namespace}
                api.apply({**document, "metadata": metadata})

    def status(name: str) -> str | None:
        found = api.get("Secret", name, namespace)
        assert found is not None
        return found["metadata"]["annotations"].get(f"{PREFIX}status")  # type: ignore[no-any-return]

    wait_until(
        lambda: all(status(name) == "Ready" for name in wanted),
        timeout=60,
        what="every example to be Ready",
    )
    for connection, keys in wanted.values():
        made = api.get("Secret", connection, namespace)
        assert made is not None
        data = {key: base64.b64decode(value).decode() for key, value in made["data"].items()}
        # The store of the tests has no CAs of its own.
        without_cas = {"AWS_CERT", "etcd-s3-endpoint-ca", "COSI_CERTIFICATE_AUTHORITY"}
        assert keys - without_cas <= data.keys()
        assert not data.keys() & without_cas


def test_a_mistake_in_a_template_names_key_and_place(stack: Stack, namespace: str) -> None:
    tenant = stack.tenant(namespace)
    data = {**tenant.data, "connection.app.json": '{"a":\n ${secret}}'}
    stack.put(tenant, data, annotations={"connection-secret": "app-s3"})
    seen = stack.wait_for(tenant, "Invalid", "InvalidField")
    assert "connection.app.json, line 2, character 2," in seen["message"]
    # Nothing was made.
    assert tenant.access_key not in stack.store.users()
    stack.put(
        tenant,
        {**tenant.data, "connection.app.json": '{"a":\n ${json:access-secret}}'},
        annotations={"connection-secret": "app-s3"},
    )
    stack.wait_for(tenant, "Ready")
