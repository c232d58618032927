"""A real Prometheus on loopback that scrapes every second, and what it answers."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from hooks.commands.processes import LOOPBACK, Process, answers, free_port

SCRAPE_SECONDS = 1


@dataclass(frozen=True)
class Series:
    """One series of an answer.

    Attributes:
        labels: by name; `__name__` where the expression keeps it.
        values: of each step at which there was one, without NaN and infinities.
        times: of these steps, in seconds since 1970.
    """

    labels: Mapping[str, str]
    values: Sequence[float]
    times: Sequence[float]


class Prometheus:
    """The server; its data is below `directory`.

    Args:
        binary: its program.
        directory: for all that it writes.
        targets: labels of each target, by its port on loopback.
    """

    def __init__(
        self, binary: Path, directory: Path, targets: Mapping[int, Mapping[str, str]]
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._port = free_port()
        self._pool = urllib3.PoolManager(retries=False, timeout=30)
        configuration = directory / "prometheus.yml"
        groups = [
            {"targets": [f"{LOOPBACK}:{port}"], "labels": dict(labels)}
            for port, labels in targets.items()
        ]
        pace = f"{SCRAPE_SECONDS}s"
        configuration.write_text(
            yaml.safe_dump(
                {
                    "global": {"scrape_interval": pace, "scrape_timeout": pace},
                    "scrape_configs": [{"job_name": "operator", "static_configs": groups}],
                }
            )
        )
        self.process = Process(
            [
                binary,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={LOOPBACK}:{self._port}",
                "--log.level=warn",
            ],
            log=directory / "prometheus.log",
            name="prometheus",
        )

    def start(self) -> None:
        self.process.start()
        self.process.wait_for(
            lambda: answers(self._port, "/-/ready", status=200), timeout=30, what="its readiness"
        )

    def stop(self) -> None:
        self._pool.clear()
        self.process.stop()

    def range(self, expression: str, start: float, end: float) -> list[Series]:
        """What a graph of the expression shows, by steps of a second.

        Args:
            expression: PromQL.
            start: the first step, in seconds since 1970.
            end: the last.

        Raises:
            RuntimeError: Prometheus refuses the expression; its own words.
        """
        found = self._get("query_range", query=expression, start=start, end=end, step=1)
        return [_series(entry["metric"], entry["values"]) for entry in found["result"]]

    def label_values(self, label: str, metric: str) -> list[str]:
        """The values of a label in the series of a metric."""
        values: list[str] = self._get(f"label/{label}/values", **{"match[]": metric})
        return values

    def _get(self, path: str, **fields: object) -> Any:
        answer = self._pool.request(
            "GET",
            f"http://{LOOPBACK}:{self._port}/api/v1/{path}",
            fields={key: str(value) for key, value in fields.items()},
        ).json()
        if answer["status"] != "success":
            raise RuntimeError(answer["error"])
        return answer["data"]


def _series(labels: Mapping[str, str], pairs: Sequence[tuple[float, str]]) -> Series:
    numbers = [(time, float(text)) for time, text in pairs if math.isfinite(float(text))]
    return Series(labels, [number for _, number in numbers], [time for time, _ in numbers])


@contextlib.contextmanager
def running_prometheus(
    binary: Path, directory: Path, targets: Mapping[int, Mapping[str, str]]
) -> Iterator[Prometheus]:
    server = Prometheus(binary, directory, targets)
    try:
        server.start()
        yield server
    finally:
        server.stop()
