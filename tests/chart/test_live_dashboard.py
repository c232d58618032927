"""Every panel and every alert, asked of a real Prometheus about operators that really ran."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.chart.dashboard import OF_OTHERS, VARIABLES, Panel, panels, substituted
from tests.chart.life import NAMESPACE, OTHER, THIRD, Life, lived
from tests.chart.picture import drawn, told
from tests.chart.rendering import CHART

pytestmark = pytest.mark.server

ROOT = Path(__file__).parents[2]
ALERTS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"]
    for rule in group["rules"]
}

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


def targets() -> dict[str, str]:
    """Every expression of the dashboard, by its panel's title and its letter."""
    return {
        f"{panel.title} {target.letter}": target.expression
        for panel in panels()
        if panel.answerable
        for target in panel.targets
    }


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("namespace", [None, NAMESPACE], ids=["all", "one"])
def test_a_panel_shows_what_happened(life: Life, target: str, namespace: str | None) -> None:
    chosen = {"namespace": namespace} if namespace else {}
    found = life.asked(substituted(targets()[target], **chosen))
    assert found
    peak = max(max(series.values) for series in found)
    assert (peak == 0) if target in NEVER else (peak > 0)


@pytest.mark.parametrize("target", targets())
def test_a_panel_shows_only_the_chosen_namespace(life: Life, target: str) -> None:
    assert life.asked(substituted(targets()[target], namespace="nowhere")) == []


@pytest.mark.parametrize(
    "panel", [panel for panel in panels() if panel.answerable], ids=lambda panel: panel.name
)
def test_a_panel_can_be_drawn(life: Life, panel: Panel) -> None:
    picture = drawn(panel, life.asked, life.start, life.end)
    assert told(picture) == (panel.title, panel.queries)
    assert 'class="line reactive nofill"' in picture


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
        assert life.asked(expression) == []
        expression, count = re.subn(r" > [\d.]+$", "", expression)
        assert count == 1
    found = life.asked(expression)
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
    assert {series.labels["namespace"] for series in life.asked(ALERTS[alert])} == where


def documented() -> list[str]:
    """The names of the contract, which somebody's own dashboards rely on."""
    section = (ROOT / "docs" / "configuration.md").read_text().split("\n## Metrics\n")[1]
    rows = [row.split("|")[1] for row in section.split("\n## ")[0].splitlines() if "|" in row]
    return re.findall(r"`((?:s3_operator|process)_\w+)", "".join(rows))


@pytest.mark.parametrize("name", documented())
def test_a_documented_metric_is_there(life: Life, name: str) -> None:
    kind = "_bucket" if name.endswith("_duration_seconds") else ""
    assert life.asked(f"{name}{kind}")
