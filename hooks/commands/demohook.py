"""The demo's hook server: the program's own command, called as Metacontroller calls it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import urllib3
from prometheus_client.parser import text_string_to_metric_families

from hooks.commands.processes import LOOPBACK, Process, ProcessError, answers

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass
class Hook:
    """Where the hook server listens, and how it is called.

    Args:
        port: of the hooks.
        ops_port: of the metrics.
        token: that it asks for.
        pool: of the connections.
    """

    port: int
    ops_port: int
    token: str = field(repr=False)
    pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(retries=False))

    def sync(self, secret: Mapping[str, Any]) -> dict[str, Any]:
        """Posts a Secret exactly as Metacontroller does.

        Raises:
            ProcessError: the answer is not 200.
        """
        response = self.pool.request(
            "POST",
            f"http://{LOOPBACK}:{self.port}/sync",
            json={
                "controller": {
                    "apiVersion": "metacontroller.k8s.io/v1alpha1",
                    "kind": "DecoratorController",
                    "metadata": {"name": "s3-resource-operator"},
                },
                "object": secret,
                "attachments": {},
                "related": {},
                "finalizing": False,
            },
            headers={"Authorization": f"Bearer {self.token}"},
        )
        if response.status != 200:
            raise ProcessError(f"the hook answered {response.status}")
        answer: dict[str, Any] = response.json()
        return answer

    def metrics(self) -> dict[str, float]:
        """All samples, by name and labels."""
        response = self.pool.request("GET", f"http://{LOOPBACK}:{self.ops_port}/metrics")
        samples = {}
        for family in text_string_to_metric_families(response.data.decode()):
            for sample in family.samples:
                labels = ",".join(f'{key}="{value}"' for key, value in sample.labels.items())
                samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
        return samples


def environ_of(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings: none of the user's shell, and no cluster of the user's kubeconfig."""
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "CONFLICT_GUARD": "off",
        "KUBERNETES_EVENTS": "off",
        **settings,
    }


def hook_server(folder: Path, settings: Mapping[str, str], hook: Hook) -> Process:
    """Starts it, and waits until it is ready.

    Args:
        folder: for its log.
        settings: of the store, or of all of them.
        hook: its ports and its token.

    Raises:
        ProcessError: it does not get ready.
    """
    process = Process(
        [sys.executable, "-m", "hooks", "serve"],
        log=folder / "hook.log",
        env={
            **environ_of(settings),
            "HOOK_PORT": str(hook.port),
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(hook.ops_port),
            "HOOK_TOKEN": hook.token,
        },
        name="hook server",
    )
    process.start()
    process.wait_for(
        # The first start after an installation compiles all that it imports.
        lambda: answers(hook.ops_port, "/readyz", status=200),
        timeout=60,
        what="its readiness",
    )
    return process
