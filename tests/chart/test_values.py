"""Values are checked: by the schema for typos, by the chart for what contradicts itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chart.readme import README, described, main, rewritten
from tests.chart.rendering import CHART, ci, refusal, render

pytestmark = pytest.mark.server

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
ENDPOINT = {"endpointUrl": "http://store:7070"}


def deep(path: str, value: Any) -> Any:
    """`a.b` and a value as {a: {b: value}}."""
    for key in reversed(path.split(".")):
        value = {key: value}
    return value


def sections(values: Any, schema: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Each map of the values whose keys the schema tells, with its schema."""
    if not isinstance(values, dict) or "properties" not in schema:
        return
    yield path, values, schema
    for key, inner in values.items():
        known = schema["properties"].get(key, {})
        yield from sections(inner, known, f"{path}.{key}".lstrip("."))


OPEN_SECTIONS = {
    "operator.secret.data",
    "hook.tls.caBundle",
    "hook.tls.certManager.issuerRef",
    "dnsConfig",
}


def test_schema_and_values_have_the_same_keys() -> None:
    for path, values, schema in sections(VALUES, SCHEMA):
        assert schema["additionalProperties"] is False, path
        known = schema["properties"].keys() - ({"global"} if not path else set())
        if path in {"resources", "hook.labelSelector"}:
            assert values.keys() <= known
        elif path not in OPEN_SECTIONS:
            assert values.keys() == known, path


@pytest.mark.parametrize("section", [path for path, _, _ in sections(VALUES, SCHEMA)])
def test_a_typo_fails_with_the_keys_name(section: str) -> None:
    path = f"{section}.tpyo" if section else "tpyo"
    message = refusal(deep(path, "x"))
    assert "additional properties 'tpyo' not allowed" in message
    assert section.replace(".", "/") in message


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("replicaCount", -1),
        ("replicaCount", "two"),
        ("image.digest", "sha256:short"),
        ("image.pullPolicy", "Sometimes"),
        ("operator.backend_name", "ceph"),
        ("operator.endpointUrl", "store:7070"),
        ("operator.adoption", "some"),
        ("operator.allowedRoles", ["root"]),
        ("operator.allowedUserIds", "all"),
        ("operator.reservedBuckets", ["a,b"]),
        ("operator.syncTimeoutSeconds", 0),
        ("operator.logLevel", "loud"),
        ("operator.args", "--zap-devel"),
        ("operator.secret.data", {"S3_ACCES_KEY": "x"}),
        ("hook.auth.token", "short"),
        ("hook.auth.token", "two words, which no header can carry"),
        ("hook.tls.mode", "letsencrypt"),
        ("hook.tls.selfSigned.validityDays", 30),
        ("hook.timeout", "1m"),
        ("hook.tls.caBundle", {"secretRef": {"name": "ca"}}),
        ("policy.rules", [{"name": "a"}]),
        ("policy.rules", [{"name": "a", "namespaces": ["b"], "bukets": ["c"]}]),
        ("podDisruptionBudget.minAvailable", "half"),
        ("service.port", 0),
        ("extraEnv", [{"value": "x"}]),
    ],
)
def test_the_schema_refuses(path: str, value: object) -> None:
    message = refusal(deep(path, value))
    assert path.rsplit(".", 1)[-1] in message
    assert "don't meet the specifications" in message


DATA = {"S3_ENDPOINT_URL": "http://store:7070", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b"}
TLS_FILES = {"mode": "existingSecret", "existingSecret": "a"}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"operator": {"secret": {"create": False}}}, "operator.secret.name must be set"),
        (
            {"extraEnv": [{"name": "HOOK_TOKEN_FILE", "value": "/file"}]},
            "extraEnv must not have HOOK_TOKEN_FILE, which the chart sets itself: use hook.auth",
        ),
        (
            {
                "extraEnv": [{"name": "S3_CA_BUNDLE", "value": "/file"}],
                "operator": {"caBundle": {"secret": "ca"}},
            },
            "extraEnv must not have S3_CA_BUNDLE, which the chart sets itself",
        ),
        (
            {
                "extraEnv": [{"name": "HOOK_{{ `TLS` }}_KEY_FILE", "value": "/file"}],
                "hook": {"tls": {"mode": "selfSigned"}},
            },
            "extraEnv must not have HOOK_TLS_KEY_FILE, which the chart sets itself: use hook.tls",
        ),
        (
            {"extraEnv": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
            "extraEnv has A twice: keep one of them",
        ),
        (
            {"operator": {"secret": {"create": False, "name": "a", "data": DATA}}},
            "operator.secret.data has no effect",
        ),
        (
            {"operator": {"secret": {"data": {"S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b"}}}},
            "operator.secret.data.S3_ENDPOINT_URL is missing",
        ),
        (
            {"operator": {**ENDPOINT, "secret": {"data": {"S3_ACCESS_KEY": "a"}}}},
            "operator.secret.data.S3_SECRET_KEY is missing",
        ),
        (
            {"operator": {"secret": {"data": {**DATA, "ROOT_ACCESS_KEY": "other"}}}},
            "S3_ACCESS_KEY and ROOT_ACCESS_KEY, which differ",
        ),
        (
            {"operator": {"secret": {"data": DATA, "keys": {"accessKey": "a"}}}},
            "operator.secret.keys is for an existing Secret",
        ),
        (
            {"operator": {"secret": {"keys": {"accessKey": "a"}}}},
            "operator.secret.keys.secretKey go together",
        ),
        (
            {"operator": {"backend_name": "garage", "secret": {"data": DATA}}},
            "operator.secret.data.S3_ADMIN_TOKEN is missing",
        ),
        (
            {
                "operator": {
                    "backend_name": "garage",
                    "secret": {"data": {**DATA, "S3_ADMIN_TOKEN": "t"}},
                }
            },
            "operator.adminEndpointUrl is missing",
        ),
        (
            {"operator": {"caBundle": {"secret": "a", "configMap": "b"}}},
            "operator.caBundle.configMap exclude each other",
        ),
        ({"operator": {"annotation_key": "enabled"}}, "operator.annotation_key must be"),
        (
            {"deletion": {"enabled": True}, "conflictGuard": {"enabled": False}},
            "deletion.enabled needs conflictGuard.enabled",
        ),
        (
            {"policy": {"file": "rules: []", "existingConfigMap": "a"}},
            "policy.existingConfigMap exclude one another",
        ),
        (
            {"hook": {"auth": {"token": "x" * 24, "existingSecret": "a"}}},
            "hook.auth.existingSecret exclude each other",
        ),
        (
            {"hook": {"auth": {"enabled": False}}, "networkPolicy": {"enabled": False}},
            "open to everybody in the cluster: set networkPolicy.enabled=true",
        ),
        (
            {"hook": {"tls": {"mode": "existingSecret"}}},
            "hook.tls.existingSecret must name",
        ),
        ({"hook": {"tls": {"existingSecret": "a"}}}, "set hook.tls.mode=existingSecret"),
        ({"hook": {"tls": {"mutual": {"enabled": True}}}}, "hook.tls.mutual.enabled needs TLS"),
        (
            {"hook": {"tls": {**TLS_FILES, "mutual": {"enabled": True}}}},
            "hook.tls.mutual.existingSecret must name",
        ),
        (
            {
                "hook": {
                    "tls": {
                        **TLS_FILES,
                        "caBundle": {"inline": "x", "secretRef": {"name": "a", "namespace": "b"}},
                    }
                }
            },
            "hook.tls.caBundle takes one of",
        ),
        ({"hook": {"timeout": "8s"}}, "hook.timeout must be longer"),
        ({"operator": {"syncTimeoutSeconds": 30}}, "must be at least 35"),
        (
            {"podDisruptionBudget": {"enabled": True, "minAvailable": 0, "maxUnavailable": 0}},
            "exclude each other: set one of them to null",
        ),
        (
            {"podDisruptionBudget": {"enabled": True, "minAvailable": 1}},
            "podDisruptionBudget.minAvailable must be less than replicaCount",
        ),
        (
            {
                "serviceMonitor": {"enabled": True},
                "metrics": {"service": {"enabled": False}},
            },
            "serviceMonitor.enabled needs metrics.service.enabled",
        ),
        ({"networkPolicy": {"egress": {"enabled": True}}}, "networkPolicy.egress.to must let"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name must name the account"),
    ],
)
def test_contradictions_are_told_with_the_way_out(values: object, told: str) -> None:
    assert told in " ".join(refusal(values).split())


def test_all_contradictions_are_told_at_once() -> None:
    message = refusal(
        {"operator": {"secret": {"create": False}}, "hook": {"tls": {"existingSecret": "a"}}}
    )
    assert message.count("\n- ") >= 2


def test_a_refusal_holds_no_credential() -> None:
    data = {**DATA, "S3_SECRET_KEY": "verysecret", "ROOT_SECRET_KEY": "othersecret"}
    message = refusal({"operator": {"secret": {"data": data}}})
    assert "verysecret" not in message
    assert "othersecret" not in message


def test_large_numbers_are_written_out() -> None:
    documents = render(
        values={
            "operator": {"allowedUserIds": 2147483647},
            "terminationGracePeriodSeconds": 2000000,
            "hook": {"resyncPeriodSeconds": 31536000},
        }
    )
    assert "e+" not in yaml.safe_dump_all(documents)
    config_map = next(item for item in documents if item["kind"] == "ConfigMap")
    assert config_map["data"]["ALLOWED_USER_IDS"] == "2147483647"


# The README


def test_every_value_is_described() -> None:
    paths = {path for path, _ in described((CHART / "values.yaml").read_text())}

    def missing(values: Any, path: str) -> list[str]:
        if path in paths:
            return []
        if isinstance(values, dict) and values:
            return [
                place
                for key, inner in values.items()
                for place in missing(inner, f"{path}.{key}".lstrip("."))
            ]
        return [path]

    assert missing(VALUES, "") == []


def test_the_readmes_table_is_up_to_date() -> None:
    text = README.read_text()
    assert rewritten(text) == text, "python -m tests.chart.readme"
    assert main(["--check"]) == 0


def test_a_stale_table_is_noticed() -> None:
    text = README.read_text()
    stale = text.replace("| `replicaCount` | `1` |", "| `replicaCount` | `2` |")
    assert stale != text
    assert rewritten(stale) == text


def test_the_readmes_files_exist() -> None:
    assert ci("gitops").exists()
    assert "ci/gitops-values.yaml" in README.read_text()
