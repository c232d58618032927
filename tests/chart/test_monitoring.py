"""What Prometheus and Grafana get, and what the package holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hooks import __version__
from tests.chart.rendering import (
    CHART,
    FULLNAME,
    ci,
    helm,
    of_kind,
    one,
    render,
)

pytestmark = pytest.mark.server


def test_monitoring_waits_for_its_crds() -> None:
    values = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
    kinds = {"ServiceMonitor", "PrometheusRule"}
    assert not kinds & {item["kind"] for item in render(values=values)}
    known = render(values=values, arguments=["--api-versions", "monitoring.coreos.com/v1"])
    assert kinds <= {item["kind"] for item in known}
    notes = helm(
        *("install", "rel", CHART, "--dry-run=client", "--set", "serviceMonitor.enabled=true")
    )
    assert "LEFT OUT" in notes


def test_the_service_monitor_finds_the_metrics_service_alone() -> None:
    documents = render(ci("monitoring"))
    monitor = one(documents, "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    chosen = [
        service["metadata"]["name"]
        for service in of_kind(documents, "Service")
        if wanted <= service["metadata"]["labels"].items()
    ]
    assert chosen == [f"{FULLNAME}-metrics"]
    service = one(documents, "Service", chosen[0])
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]
    assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_the_alerts_carry_labels_and_links() -> None:
    rule = one(render(ci("monitoring")), "PrometheusRule")
    alerts: list[Any] = rule["spec"]["groups"][0]["rules"]
    shipped = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())["groups"][0]["rules"]
    assert len(alerts) == len(shipped) - 1
    assert "S3OperatorStoreSlow" not in {alert["alert"] for alert in alerts}
    for alert in alerts:
        anchor = f"docs/operations.md#alert-{alert['alert'].lower()}"
        assert alert["annotations"]["runbook_url"].endswith(anchor)
        assert alert["labels"]["team"] == "storage"
        assert alert["labels"]["severity"] in {"warning", "critical"}
    texts = {alert["alert"]: alert["annotations"]["description"] for alert in alerts}
    assert "{{ $labels.reason }}" in texts["S3OperatorSecretsFailing"]


def test_the_dashboard_is_the_file() -> None:
    config_map = one(render(ci("monitoring")), "ConfigMap", f"{FULLNAME}-dashboard")
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    file = (CHART / "files" / "dashboard.json").read_text()
    assert config_map["data"]["s3-resource-operator.json"].strip() == file.strip()


def test_the_packaged_chart_holds_its_files(tmp_path: Path) -> None:
    helm("package", CHART, "--destination", tmp_path)
    package = next(tmp_path.glob("*.tgz"))
    assert package.name == f"s3-resource-operator-{__version__}.tgz"
    shown = helm("show", "all", package)
    assert "## Values" in shown
