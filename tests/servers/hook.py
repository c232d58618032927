"""The hook server as its own process, as it runs in a cluster."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from hooks.commands.processes import LOOPBACK, Process, answers, free_port
from tests.servers.s3 import S3Store

ROOT = Path(__file__).parents[2]

# What a program needs to run at all. The rest of the caller's environment stays out, so that a
# variable of somebody's shell can't change what is tested.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE")
_KEPT_PREFIX = "COVERAGE_"


class Hook:
    """`python -m hooks serve` for one store; it keeps its ports and its token over restarts."""

    def __init__(
        self,
        store: S3Store,
        directory: Path,
        *,
        settings: Mapping[str, str] | None = None,
        root: Path = ROOT,
        program: Sequence[str] = ("hooks", "serve"),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.ops_port = free_port()
        self.token = secrets.token_urlsafe(24)
        self.signing_key = secrets.token_urlsafe(24)
        kept = {
            key: value
            for key, value in os.environ.items()
            if key in _KEPT or key.startswith(_KEPT_PREFIX)
        }
        env = {
            **kept,
            # Not the cluster of whoever runs the tests.
            "KUBECONFIG": os.devnull,
            **store.environ(),
            "HOOK_PORT": str(self.port),
            "HOOK_TOKEN": self.token,
            "SIGNING_KEY": self.signing_key,
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(self.ops_port),
            **(settings or {}),
        }
        self.process = Process(
            [sys.executable, "-m", *program],
            log=directory / "hook.log",
            env=env,
            # Python looks here first, so another build can be run as well.
            cwd=root,
            name="hook",
        )
        self._pool = urllib3.PoolManager(retries=False, timeout=30)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def ops_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ops_port}"

    def start(self) -> None:
        self.process.start()
        self.process.wait_for(self.ready, timeout=20, what="the hook server to be ready")

    def ready(self) -> bool:
        return answers(self.ops_port, "/readyz", status=200)

    def stop(self) -> int | None:
        return self.process.stop()

    def close(self) -> None:
        self._pool.clear()
        self.process.stop()

    def metrics_text(self) -> str:
        return self._pool.request("GET", f"{self.ops_url}/metrics").data.decode()

    def peak_memory(self) -> int:
        """The most bytes that have ever been resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None
        return int(found[1]) * 1024

    def total(self, metric: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.metrics_text())
            for sample in family.samples
            if sample.name == metric and labels.items() <= sample.labels.items()
        )

    def store_requests(self, **labels: str) -> int:
        return int(self.total("s3_operator_backend_requests_total", **labels))

    def syncs(self) -> int:
        return int(self.total("s3_operator_secrets_processed_total"))


@contextlib.contextmanager
def running_hook(
    store: S3Store,
    directory: Path,
    *,
    settings: Mapping[str, str] | None = None,
    root: Path = ROOT,
) -> Iterator[Hook]:
    hook = Hook(store, directory, settings=settings, root=root)
    try:
        hook.start()
        yield hook
    finally:
        hook.close()
