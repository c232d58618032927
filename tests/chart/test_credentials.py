"""Where credentials and the hook's token come from, and where they go."""

from __future__ import annotations

import base64
import re

import pytest

from tests.chart.rendering import (
    CHART,
    FULLNAME,
    Document,
    ci,
    container,
    environment,
    helm,
    mounted,
    of_kind,
    one,
    render,
    webhook,
)

pytestmark = pytest.mark.server


def text_of(secret: Document, key: str) -> str:
    return base64.b64decode(secret["data"][key]).decode()


# Credentials


def test_credentials_of_the_values_come_as_files() -> None:
    documents = render(ci("default"))
    secret = one(documents, "Secret", FULLNAME)
    assert text_of(secret, "S3_SECRET_KEY") == "example-only-replace-me"
    assert environment(documents)["S3_SECRET_KEY_FILE"] in mounted(documents)
    assert all("valueFrom" not in variable for variable in container(documents)["env"])


def test_an_existing_secret_may_have_any_of_the_known_keys() -> None:
    documents = render(values={"operator": {"secret": {"create": False, "name": "theirs"}}})
    references = {
        variable["name"]: variable["valueFrom"]["secretKeyRef"]
        for variable in container(documents)["env"]
        if "valueFrom" in variable
    }
    assert {reference["name"] for reference in references.values()} == {"theirs"}
    required = {name for name, reference in references.items() if not reference.get("optional")}
    assert required == {"S3_ENDPOINT_URL"}
    assert {"ROOT_ACCESS_KEY", "ROOT_SECRET_KEY", "S3_ACCESS_KEY"} <= references.keys()
    assert one(documents, "Secret", f"{FULLNAME}-signing-key")
    assert "theirs" not in [item["metadata"]["name"] for item in of_kind(documents, "Secret")]


def test_without_any_credentials_the_pod_waits_for_a_secret_and_the_notes_say_so() -> None:
    documents = render()
    names = [item["metadata"]["name"] for item in of_kind(documents, "Secret")]
    assert FULLNAME not in names
    endpoint = next(item for item in container(documents)["env"] if item["name"].endswith("URL"))
    assert endpoint["valueFrom"]["secretKeyRef"]["name"] == FULLNAME
    notes = helm("install", "rel", CHART, "--namespace", "ops", "--dry-run=client")
    assert f"create secret generic {FULLNAME}" in notes


@pytest.mark.parametrize(
    ("operator", "source"),
    [
        ({}, (f"{FULLNAME}-signing-key", "SIGNING_KEY")),
        ({"signingKey": {"existingSecret": "a", "key": "b"}}, ("a", "b")),
        (
            {"secret": {"create": False, "name": "c", "keys": {"signingKey": "d"}}},
            ("c", "d"),
        ),
        ({"signingKey": {"generate": False}}, None),
    ],
)
def test_where_the_signing_key_comes_from(
    operator: Document, source: tuple[str, str] | None
) -> None:
    documents = render(values={"operator": operator})
    path = environment(documents).get("SIGNING_KEY_FILE")
    assert (mounted(documents)[path] if path else None) == source
    generated = [
        item
        for item in of_kind(documents, "Secret")
        if item["metadata"]["name"] == f"{FULLNAME}-signing-key"
    ]
    assert len(generated) == (1 if source == (f"{FULLNAME}-signing-key", "SIGNING_KEY") else 0)
    for secret in generated:
        assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
        assert len(text_of(secret, "SIGNING_KEY")) == 64


def test_checksums_of_credentials_are_salted() -> None:
    def checksum() -> str:
        # Two renderings generate two salts.
        text = helm("template", "rel", CHART, "-f", ci("default"))
        found = re.search(r"checksum/credentials: (\w+)", text)
        assert found
        return found[1]

    assert checksum() != checksum()


# The hook's token


def test_a_token_is_generated_and_is_the_same_on_both_sides() -> None:
    documents = render()
    state = one(documents, "Secret", f"{FULLNAME}-hook")
    reference = webhook(documents)["authorization"]["secretRef"]
    token = text_of(one(documents, "Secret", reference["name"]), reference["key"])
    assert re.fullmatch(r"[A-Za-z0-9]{48}", token)
    accepted = text_of(state, "accepted").split("\n")
    assert accepted == [token, text_of(state, "next")]
    assert mounted(documents)["/etc/s3-resource-operator/hook/token"] == (
        f"{FULLNAME}-hook",
        "accepted",
    )


def test_another_token_has_another_secret() -> None:
    names = {
        webhook(render(values={"hook": {"auth": {"token": text * 24}}}))["authorization"][
            "secretRef"
        ]["name"]
        for text in ("x", "y")
    }
    assert len(names) == 2


def test_without_a_token_the_operator_is_told_so() -> None:
    documents = render(ci("no-token"))
    assert "authorization" not in webhook(documents)
    assert environment(documents)["HOOK_ALLOW_ANONYMOUS"] == "true"
    assert "HOOK_TOKEN_FILE" not in environment(documents)
    assert of_kind(documents, "NetworkPolicy")


def test_a_changed_setting_changes_the_webhooks_path_and_rolls_the_pods() -> None:
    def marks(values: Document) -> tuple[str, str]:
        documents = render(ci("gitops"), values=values)
        annotations = one(documents, "Deployment")["spec"]["template"]["metadata"]["annotations"]
        return webhook(documents)["path"], annotations["checksum/config"]

    unchanged = marks({"podLabels": {"a": "b"}})
    changed = marks({"operator": {"adoption": "never"}})
    assert re.fullmatch(r"/sync\?c=[0-9a-f]{10}", unchanged[0])
    assert changed[0] != unchanged[0]
    assert changed[1] != unchanged[1]
    revised = marks({"hook": {"revision": "2"}})
    assert revised[0] != unchanged[0]
    assert revised[1] == unchanged[1]
