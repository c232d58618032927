"""The admission policy that leaves only generated credentials, on a real API server."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterator, Mapping

import pytest

from hooks.commands.processes import wait_until
from tests.manifests import MANIFESTS, load
from tests.servers.api import ApiError, Object
from tests.servers.cluster import Cluster
from tests.support import PREFIX, encode

pytestmark = pytest.mark.server

EXAMPLE = MANIFESTS / "examples/only-generated.yaml"
LABEL = {f"{PREFIX}credentials": "generated"}
GIVEN = {"bucket-name": "b", "access-key": "u", "access-secret": "given-by-somebody"}
GENERATED = {"credentials": "generated", "connection-secret": "b-s3"}


def labelled(cluster: Cluster, *, chosen: bool = True) -> str:
    name = cluster.namespace(f"admission-{random.token_hex(4)}")
    if chosen:
        cluster.api.merge("Namespace", name, None, {"metadata": {"labels": LABEL}})
    return name


def secret(
    namespace: str, data: Mapping[str, str], annotations: Mapping[str, str] | None = None
) -> Object:
    marks = {"enabled": "true", **(annotations or {})}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"s-{random.token_hex(4)}",
            "namespace": namespace,
            "annotations": {PREFIX + key: value for key, value in marks.items()},
        },
        "data": {key: encode(value) for key, value in data.items()},
    }


def denied(cluster: Cluster, manifest: Object) -> bool:
    """Whether the policy refuses it; every other refusal is an error."""
    told = ""
    try:
        cluster.api.apply(manifest)
    except ApiError as error:
        told = str(error)
    assert not told or "have credentials generated" in told, told
    assert "given-by-somebody" not in told
    return bool(told)


@pytest.fixture(scope="module")
def older(api_cluster: Cluster) -> Object:
    """One with given credentials that was there before the policy."""
    return api_cluster.api.create(secret(labelled(api_cluster), GIVEN))


@pytest.fixture(scope="module", autouse=True)
def policy(api_cluster: Cluster, older: Object) -> Iterator[None]:
    manifests = [each for each in load(EXAMPLE) if each["kind"] != "Secret"]
    for manifest in manifests:
        api_cluster.api.apply(manifest)
    probe = labelled(api_cluster)
    wait_until(
        lambda: denied(api_cluster, secret(probe, GIVEN)),
        timeout=30,
        what="the policy to be in force",
    )
    yield
    for manifest in reversed(manifests):
        name, version = manifest["metadata"]["name"], manifest["apiVersion"]
        api_cluster.api.delete(manifest["kind"], name, api_version=version)


def test_generated_credentials_are_allowed(api_cluster: Cluster) -> None:
    namespace = labelled(api_cluster)
    made = secret(namespace, {"bucket-name": "b"}, GENERATED)
    assert not denied(api_cluster, made)
    # What Metacontroller writes on it, too.
    change = {"metadata": {"annotations": {f"{PREFIX}status": "Ready"}}}
    api_cluster.api.merge("Secret", made["metadata"]["name"], namespace, change)


def test_the_example_is_let_in(api_cluster: Cluster) -> None:
    (example,) = (each for each in load(EXAMPLE) if each["kind"] == "Secret")
    example["metadata"]["namespace"] = labelled(api_cluster)
    assert not denied(api_cluster, example)


def test_given_ones_are_denied(api_cluster: Cluster) -> None:
    namespace = labelled(api_cluster)
    assert denied(api_cluster, secret(namespace, GIVEN))
    assert denied(api_cluster, secret(namespace, GIVEN, {"credentials": "given"}))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"enabled": "true"}, id="enabled-later"),
        pytest.param({"enabled": "true", "credentials": "given"}, id="given-later"),
    ],
)
@pytest.mark.parametrize("before", [{}, {"enabled": "true", **GENERATED}], ids=["plain", "made"])
def test_nor_do_they_come_in_by_a_change(
    api_cluster: Cluster, before: dict[str, str], change: dict[str, str]
) -> None:
    namespace = labelled(api_cluster)
    made = secret(namespace, GIVEN)
    made["metadata"]["annotations"] = {PREFIX + key: value for key, value in before.items()}
    api_cluster.api.create(made)
    after = {PREFIX + key: None for key in before} | {
        PREFIX + key: value for key, value in change.items()
    }
    with pytest.raises(ApiError, match="have credentials generated"):
        api_cluster.api.merge(
            "Secret", made["metadata"]["name"], namespace, {"metadata": {"annotations": after}}
        )


def test_what_was_there_before_stays_until_its_data_changes(
    api_cluster: Cluster, older: Object
) -> None:
    name, namespace = older["metadata"]["name"], older["metadata"]["namespace"]
    status = {"metadata": {"annotations": {f"{PREFIX}status": "Ready"}}}
    api_cluster.api.merge("Secret", name, namespace, status)
    rotated = {"data": {"access-secret": encode("given-by-somebody-else")}}
    with pytest.raises(ApiError, match="have credentials generated"):
        api_cluster.api.merge("Secret", name, namespace, rotated)
    # The way there: the two fields go, the annotations come.
    change = {
        "metadata": {"annotations": {PREFIX + key: value for key, value in GENERATED.items()}},
        "data": {"access-key": None, "access-secret": None},
    }
    api_cluster.api.merge("Secret", name, namespace, change)


def test_other_secrets_and_other_namespaces_are_left_alone(api_cluster: Cluster) -> None:
    namespace = labelled(api_cluster)
    plain = secret(namespace, {"password": "x"})
    del plain["metadata"]["annotations"]
    assert not denied(api_cluster, plain)
    assert not denied(api_cluster, secret(labelled(api_cluster, chosen=False), GIVEN))
