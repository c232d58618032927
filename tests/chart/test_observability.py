"""Alerts and dashboard ask for metrics and labels that `/metrics` really has."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from hooks.contract.outcome import Action, Outcome, Reason, Status
from hooks.metrics import INTERNAL_ERROR, Metrics
from tests import yamltext
from tests.chart.rendering import CHART
from tests.servers.require import require

ALERTS = CHART / "files" / "alerts.yaml"
DASHBOARD = CHART / "files" / "dashboard.json"
UNIT_TESTS = Path(__file__).parent / "alert_cases.yaml"

# Prometheus' own labels and the histogram's; whoever has several clusters makes the first.
GIVEN_LABELS = {"cluster", "namespace", "job", "le"}
# Of kube-state-metrics, as docs/operations.md says it has to be set up.
STATUS_LABEL = "label_s3_resource_operator_io_status"
FOREIGN = {"kube_secret_labels": {STATUS_LABEL: {str(status) for status in Status}}}

_NAME = re.compile(r"\b(?:s3_operator_\w+|process_\w+|kube_secret_labels)")
_SELECTOR = re.compile(rf"({_NAME.pattern})\{{([^}}]*)\}}")
_MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
_BY = re.compile(r"\bby \(([^)]*)\)")


def samples(metrics: Metrics | None = None) -> dict[str, dict[str, set[str]]]:
    """Every name that /metrics has, with its labels and their values."""
    # With the label of several stores, which the rest has no use for.
    metrics = metrics or Metrics(by_store=True).of_store("one")
    # Some series aren't there before there is something to tell.
    metrics.observer("versitygw")("probe", "200", 0.001)
    metrics.changed(list(Action))
    metrics.policy_observer()(True)
    metrics.stores_observer()(True)
    found: dict[str, dict[str, set[str]]] = {**FOREIGN}
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


def alerts() -> list[dict[str, Any]]:
    groups = yamltext.load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def walk(value: object) -> Iterator[str]:
    """Every expression of a dashboard, of its variables too."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"expr", "query"} and isinstance(inner, str):
                yield inner
            else:
                yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def expressions() -> list[str]:
    shown = [text for text in walk(json.loads(DASHBOARD.read_text())) if text != "prometheus"]
    return [*(rule["expr"] for rule in alerts()), *shown]


def problems(expression: str, known: dict[str, dict[str, set[str]]]) -> list[str]:
    """What of an expression /metrics doesn't have."""
    names = set(_NAME.findall(expression))
    found = [f"no metric {name}" for name in sorted(names - known.keys())]
    if not names:
        found.append("no metric of the operator's")
    values = {"reason": {*Reason, INTERNAL_ERROR}, "status": {*Status}, STATUS_LABEL: {*Status}}
    for name, matchers in _SELECTOR.findall(expression):
        for label, value in _MATCHER.findall(matchers):
            if label in GIVEN_LABELS:
                continue
            if label not in known.get(name, {}):
                found.append(f"{name} has no label {label}")
            # Nothing at all is a value too: that of a label which isn't there.
            wanted = set(value.split("|")) - {""}
            found += [f"no {label} {word}" for word in sorted(wanted - values.get(label, wanted))]
    labels = {label for name in names for label in known.get(name, {})} | GIVEN_LABELS
    for group in _BY.findall(expression):
        wanted = set(re.split(r"\s*,\s*", group))
        found += [f"no label {label}" for label in sorted(wanted - labels)]
    return found


@pytest.mark.parametrize("expression", expressions())
def test_metrics_and_labels_exist(expression: str) -> None:
    assert problems(expression, samples()) == []


USED = sorted({name for text in expressions() for name in _NAME.findall(text)} - FOREIGN.keys())


@pytest.mark.parametrize("name", USED)
def test_a_renamed_metric_is_noticed(name: str) -> None:
    known = samples()
    known[f"{name}_renamed"] = known.pop(name)
    told = {problem for expression in expressions() for problem in problems(expression, known)}
    assert f"no metric {name}" in told


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("rate(s3_operator_gone_total[5m])", "no metric s3_operator_gone_total"),
        ('s3_operator_errors_total{status="Ready"}', "has no label status"),
        ('s3_operator_errors_total{reason="Typo"}', "no reason Typo"),
        ("sum by (pod) (s3_operator_backend_up)", "no label pod"),
        ("up == 0", "no metric of the operator's"),
        (f'kube_secret_labels{{{STATUS_LABEL}="Pending"}}', f"no {STATUS_LABEL} Pending"),
    ],
)
def test_the_check_finds_mistakes(expression: str, told: str) -> None:
    assert any(told in problem for problem in problems(expression, samples()))


def test_what_is_counted_is_what_the_alerts_look_at() -> None:
    metrics = Metrics()
    for reason in Reason:
        metrics.processed(Outcome(reason, "message"))
    counted = samples(metrics)["s3_operator_errors_total"]["reason"]
    assert "OperatorCredentialsRejected" in counted
    assert {"OperatorMisconfigured", "ClockSkew", INTERNAL_ERROR} <= counted


def test_no_alert_lets_one_operator_hide_another() -> None:
    for rule in alerts():
        groups = [set(re.split(r"\s*,\s*", group)) for group in _BY.findall(rule["expr"])]
        assert groups, rule["alert"]
        for group in groups:
            wanted = {"cluster", "namespace"}
            # The job of kube-state-metrics says nothing of an operator.
            wanted |= set() if "kube_secret_labels" in rule["expr"] else {"job"}
            assert wanted <= group, rule["alert"]


def test_every_alert_says_what_it_means_and_where_to_read_on() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(names) == len(set(names))
    for rule in alerts():
        assert rule["for"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_the_dashboard_has_no_two_panels_alike() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [
        (panel["gridPos"]["x"] + column, panel["gridPos"]["y"] + row)
        for panel in panels
        for column in range(panel["gridPos"]["w"])
        for row in range(panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places)), "panels overlap"
    assert max(x for x, _ in places) < 24
    for panel in panels:
        assert panel["title"]
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["datasource"]["uid"] == "${datasource}"


def promtool(*arguments: str | Path) -> None:
    done = subprocess.run(  # noqa: S603 - no shell, and the program is the tests' own build
        [require("promtool"), *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
def test_prometheus_takes_the_rules() -> None:
    promtool("check", "rules", "--lint-fatal", ALERTS)


@pytest.mark.server
def test_the_alerts_fire_when_they_should(tmp_path: Path) -> None:
    cases = yaml.safe_load(UNIT_TESTS.read_text())
    tested = {
        test["alertname"]
        for case in cases["tests"]
        for test in case["alert_rule_test"]
        if test["exp_alerts"]
    }
    assert tested == {rule["alert"] for rule in alerts()}
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in alerts()}
    for case in cases["tests"]:
        for test in case["alert_rule_test"]:
            for expected in test["exp_alerts"]:
                expected["exp_labels"]["severity"] = severities[test["alertname"]]
    # promtool compares annotations too, so the rules it is given here have none.
    rules = yaml.safe_load(ALERTS.read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            del rule["annotations"]
    (tmp_path / "alerts.yaml").write_text(yaml.safe_dump(rules))
    cases["rule_files"] = ["alerts.yaml"]
    (tmp_path / "cases.yaml").write_text(yaml.safe_dump(cases))
    promtool("test", "rules", tmp_path / "cases.yaml")
