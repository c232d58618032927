"""Several stores by the chart's values: what is mounted, and which values are refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.chart.rendering import (
    FULLNAME,
    ci,
    container,
    environment,
    mounted,
    one,
    pod,
    refusal,
    render,
    webhook,
)

pytestmark = pytest.mark.server

FAST = {
    "name": "fast",
    "backend": "versitygw",
    "endpoint": "http://versitygw:7070",
    "secret": "versitygw-admin",
}
ARCHIVE = {
    "name": "archive",
    "backend": "garage",
    "endpoint": "http://garage:3900",
    "admin-endpoint": "http://garage:3903",
    "secret": "garage-admin",
}
BOTH = {"stores": [FAST, ARCHIVE], "defaultStore": "fast"}
FOLDER = "/etc/s3-resource-operator"


def changed(store: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The values with one store changed."""
    other = {**store, **{key.replace("_", "-"): value for key, value in more.items()}}
    return {"stores": [other, ARCHIVE if store is FAST else FAST], "defaultStore": "fast"}


def listed(documents: list[dict[str, Any]]) -> Any:
    """The list as the operator gets it."""
    config = one(documents, "ConfigMap", f"{FULLNAME}-stores")
    return yaml.safe_load(config["data"]["stores.yaml"])


def test_the_list_names_the_files_that_are_mounted() -> None:
    documents = render(ci("stores"))
    files = mounted(documents)
    found = listed(documents)
    assert found["default"] == "fast"
    named = [
        value
        for store in found["stores"]
        for key, value in store.items()
        if key.endswith("-file") or key == "ca-bundle"
    ]
    assert set(named) <= files.keys()
    assert files[f"{FOLDER}/of-fast/access-key"] == ("versitygw-admin", "access-key")
    assert files[f"{FOLDER}/of-large/secret-key"] == ("minio-admin", "rootPassword")
    assert files[f"{FOLDER}/of-archive/admin-token"] == ("garage-admin", "admin-token")
    assert files[f"{FOLDER}/ca-of-large/ca.crt"] == ("minio-ca", "ca.crt")


def test_nothing_of_one_store_is_set_beside_them() -> None:
    documents = render(ci("stores"))
    names = {variable["name"] for variable in container(documents)["env"]} | set(
        environment(documents)
    )
    assert "STORES_FILE" in names
    assert "SIGNING_KEY_FILE" in names
    assert {name for name in names if name.startswith(("S3_", "ROOT_", "BACKEND_"))} == set()


def test_a_changed_list_has_every_secret_looked_at_and_restarts_nothing() -> None:
    before = render(values=BOTH)
    after = render(values=changed(FAST, namespaces=["team-*"]))
    assert webhook(before)["path"] != webhook(after)["path"]
    annotations = [
        one(documents, "Deployment")["spec"]["template"]["metadata"]["annotations"][
            "checksum/config"
        ]
        for documents in (before, after)
    ]
    assert annotations[0] == annotations[1]
    assert pod(before)["volumes"] == pod(after)["volumes"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {**BOTH, "operator": {"endpointUrl": "http://other"}},
            "operator.endpointUrl has no effect",
        ),
        (
            {**BOTH, "operator": {"secret": {"data": {"S3_ACCESS_KEY": "a"}}}},
            "operator.secret.data has no effect",
        ),
        ({"stores": [FAST, ARCHIVE]}, "defaultStore is missing"),
        ({**BOTH, "defaultStore": "slow"}, "defaultStore names none of stores"),
        ({"defaultStore": "fast"}, "defaultStore has no effect without stores"),
        (changed(ARCHIVE, former_names=["fast"]), "stores has a name twice"),
        (
            {"stores": [{key: ARCHIVE[key] for key in ARCHIVE if key != "admin-endpoint"}]},
            "admin-endpoint of the store archive is missing",
        ),
        (changed(FAST, ca_bundle={"key": "ca.crt"}), "takes one of secret and configMap"),
        (changed(FAST, colour="blue"), "colour"),
        ({"stores": [{"name": "fast"}]}, "backend"),
        (
            {**BOTH, "extraEnv": [{"name": "STORES_FILE", "value": "/x"}]},
            "use stores instead",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(values: dict[str, Any], told: str) -> None:
    assert told in refusal(values)


def test_one_store_needs_no_default() -> None:
    assert "default" not in listed(render(values={"stores": [FAST]}))
