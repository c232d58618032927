"""Every panel and every alert, asked of a real Prometheus about operators that really ran."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.life import NAMESPACE, OTHER, THIRD, Life, lived
from tests.chart.rendering import CHART
from tests.servers.prometheus import SCRAPE_SECONDS, Series

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((CHART / "files" / "dashboard.json").read_text())
VARIABLES = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
ALERTS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}
# Grafana never takes less: a rate needs two points, even if one was missed.
RATE_INTERVAL = f"{4 * SCRAPE_SECONDS}s"
OF_OTHERS = "kube_secret_labels"
"""What kube-state-metrics has; no other metric here is somebody else's."""

# Nothing of that happens in this life. Their series are there all the same, with zeros.
NEVER = {
    "Bugs in the last hour A",
    "Changes to users C",
    "Changes to users D",
    "Changes to buckets B",
}
# What would have to be broken or late for hours; without its threshold, each has a value.
UNHARMED = {
    "S3OperatorHookFailing",
    "S3OperatorDescriptors",
    "S3OperatorRotationOverdue",
    "S3OperatorSlow",
    "S3OperatorStoreSlow",
}
# What looks back for longer than this life was; it fires when all its spans are as short.
LONG = {"S3OperatorNotCalled", "S3OperatorTokenRefused"}
SHORTER = {"15m": "3s", "30m": "3s", "6h": "1m"}


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with lived(tmp_path_factory.mktemp("life")) as life:
        yield life


def asked(life: Life, expression: str) -> list[Series]:
    """The series that have a number at any time."""
    found = life.prometheus.range(expression, life.start, life.end)
    return [series for series in found if series.values]


def substituted(expression: str, **chosen: str) -> str:
    """An expression as Grafana sends it, with the whole of each variable that isn't chosen."""
    for name, variable in VARIABLES.items():
        if variable["type"] == "query":
            expression = expression.replace(f"${name}", chosen.get(name, variable["allValue"]))
    expression = expression.replace("$__rate_interval", RATE_INTERVAL)
    assert "$" not in expression
    return expression


def targets() -> dict[str, str]:
    """Every expression of the dashboard, by its panel's title and its letter."""
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in panels
        for target in panel.get("targets", [])
        if OF_OTHERS not in target["expr"]
    }


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("namespace", [None, NAMESPACE], ids=["all", "one"])
def test_a_panel_shows_what_happened(life: Life, target: str, namespace: str | None) -> None:
    chosen = {"namespace": namespace} if namespace else {}
    found = asked(life, substituted(targets()[target], **chosen))
    assert found
    peak = max(max(series.values) for series in found)
    assert (peak == 0) if target in NEVER else (peak > 0)


@pytest.mark.parametrize("target", targets())
def test_a_panel_shows_only_the_chosen_namespace(life: Life, target: str) -> None:
    assert asked(life, substituted(targets()[target], namespace="nowhere")) == []


def test_the_variables_offer_what_there_is(life: Life) -> None:
    offered = {}
    for name, variable in VARIABLES.items():
        if variable["type"] != "query":
            continue
        query = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
        assert query
        assert query[2] == name
        offered[name] = life.prometheus.label_values(query[2], query[1])
    # Nobody labels a single cluster, and all of it is shown then.
    assert offered == {"cluster": [], "namespace": sorted([NAMESPACE, OTHER, THIRD])}


@pytest.mark.parametrize(
    "alert", [name for name, expression in ALERTS.items() if OF_OTHERS not in expression]
)
def test_an_alert_is_about_what_happened(life: Life, alert: str) -> None:
    expression = ALERTS[alert]
    if alert in LONG:
        for span, shorter in SHORTER.items():
            expression = re.sub(rf"\b{span}\b", shorter, expression)
    if alert in UNHARMED:
        assert asked(life, expression) == []
        expression, count = re.subn(r" > [\d.]+$", "", expression)
        assert count == 1
    found = asked(life, expression)
    assert found
    for series in found:
        assert series.labels["namespace"] in {NAMESPACE, OTHER, THIRD}


@pytest.mark.parametrize(
    ("alert", "where"),
    [
        ("S3OperatorStoreDown", {NAMESPACE}),
        ("S3OperatorBucketPublic", {NAMESPACE}),
        ("S3OperatorCredentialsRejected", {OTHER}),
        ("S3OperatorPolicyBroken", {OTHER}),
        ("S3OperatorMisconfigured", {THIRD}),
        ("S3OperatorStoresBroken", {THIRD}),
        ("S3OperatorCallsRefused", {NAMESPACE}),
        ("S3OperatorAbsent", {NAMESPACE, OTHER, THIRD}),
    ],
)
def test_an_alert_names_whom_it_is_about(life: Life, alert: str, where: set[str]) -> None:
    assert {series.labels["namespace"] for series in asked(life, ALERTS[alert])} == where


def documented() -> list[str]:
    """The names of the contract, which somebody's own dashboards rely on."""
    section = (ROOT / "docs" / "configuration.md").read_text().split("\n## Metrics\n")[1]
    rows = [row.split("|")[1] for row in section.split("\n## ")[0].splitlines() if "|" in row]
    return re.findall(r"`((?:s3_operator|process)_\w+)", "".join(rows))


@pytest.mark.parametrize("name", documented())
def test_a_documented_metric_is_there(life: Life, name: str) -> None:
    kind = "_bucket" if name.endswith("_duration_seconds") else ""
    assert asked(life, f"{name}{kind}")
