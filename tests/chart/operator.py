"""The pod of a release, as a kubelet would start it, but for its addresses: they are loopback's."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hooks.commands.processes import LOOPBACK, Process, answers, free_port
from tests.chart.cluster import Release
from tests.chart.jobs import KEPT, log_in
from tests.servers.api import Object
from tests.servers.hook import ROOT

_MOUNTS = "/etc/s3-resource-operator/"


class Operator:
    """The hook server with the variables, files and account that the Deployment gives it."""

    def __init__(self, release: Release, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.release = release
        self.port = free_port()
        self.ops_port = free_port()
        self._files = directory / "files"
        self._account = directory / "account.yaml"
        command = [sys.executable, "-m", "hooks", "serve"]
        self.process = Process(command, log=directory / "hook.log", env={}, cwd=ROOT, name="hook")

    def roll(self, changes: Mapping[str, str] | None = None) -> None:
        """Start it with what the Deployment and its Secrets hold now, and `changes` to files."""
        self.process.stop()
        spec = self.release.get("Deployment", self.release.name, "apps/v1")["spec"]["template"]
        pod = spec["spec"]
        self._mount(pod)
        for path, text in (changes or {}).items():
            (self._files / path).write_text(text)
        self.process.env = self._environment(pod)
        self.process.start()
        self.process.wait_for(
            lambda: answers(self.ops_port, "/readyz", status=200), timeout=20, what="readiness"
        )

    def stop(self) -> None:
        self.process.stop()

    def handshake(self, name: str, authority: str) -> str:
        """The TLS version that a caller agrees on who takes the hook for `name`.

        Raises:
            ssl.SSLError: the certificate isn't one for the name.
        """
        context = ssl.create_default_context(cadata=authority)
        with (
            socket.create_connection((LOOPBACK, self.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            return secured.version() or ""

    def _mount(self, pod: Object) -> None:
        volumes: dict[str, Any] = {volume["name"]: volume for volume in pod["volumes"]}
        for mount in pod["containers"][0]["volumeMounts"]:
            volume = volumes[mount["name"]]
            if "emptyDir" in volume:
                continue
            folder = self._files / mount["mountPath"].removeprefix(_MOUNTS)
            folder.mkdir(parents=True, exist_ok=True)
            if "secret" in volume:
                found = self.release.get("Secret", volume["secret"]["secretName"])["data"]
                data = {key: base64.b64decode(text) for key, text in found.items()}
                items = volume["secret"]["items"]
            else:
                found = self.release.get("ConfigMap", volume["configMap"]["name"])["data"]
                data = {key: text.encode() for key, text in found.items()}
                items = volume["configMap"]["items"]
            for item in items:
                (folder / item["path"]).write_bytes(data[item["key"]])

    def _environment(self, pod: Object) -> dict[str, str]:
        container = pod["containers"][0]
        assert container["args"] == ["serve"]
        environ = {key: os.environ[key] for key in KEPT if key in os.environ}
        for source in container["envFrom"]:
            environ |= self.release.get("ConfigMap", source["configMapRef"]["name"])["data"]
        for variable in container["env"]:
            environ[variable["name"]] = variable["value"].replace(_MOUNTS, f"{self._files}/")
        if pod.get("automountServiceAccountToken"):
            environ["KUBECONFIG"] = str(
                log_in(self.release, pod["serviceAccountName"], self._account)
            )
        addresses = {
            "HOOK_HOST": LOOPBACK,
            "HOOK_PORT": str(self.port),
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(self.ops_port),
        }
        return {**environ, **addresses}
