"""A real Metacontroller, run against the test cluster with the rights that are shipped for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from hooks.commands.processes import LOOPBACK, Process, answers, free_port, wait_until
from tests.servers.api import ApiError
from tests.servers.cluster import Cluster
from tests.servers.require import MetacontrollerFiles

ROLE = Path(__file__).parents[2] / "manifests" / "rbac-metacontroller.yaml"

_CONTROLLERS = "metacontroller.k8s.io/v1alpha1"


class Metacontroller:
    """One instance.

    Args:
        files: its program and its CRDs.
        cluster: where it works.
        directory: for its log.
        workers: of each controller.
        qps: requests a second to the Kubernetes API. Its default of five, with a burst of ten,
            would be all that the tests measure.
        burst: how many of them at once.
        selector: labels of the controllers that it has; empty has all.
    """

    def __init__(
        self,
        files: MetacontrollerFiles,
        cluster: Cluster,
        directory: Path,
        *,
        workers: int = 10,
        qps: int = 500,
        burst: int = 1000,
        selector: str = "",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._files = files
        self._cluster = cluster
        self._health_port = free_port()
        command = [
            str(files.program),
            f"--kubeconfig={cluster.metacontroller_kubeconfig}",
            f"--metrics-address={LOOPBACK}:{free_port()}",
            f"--health-probe-bind-address={LOOPBACK}:{self._health_port}",
            f"--workers={workers}",
            "--discovery-interval=10s",
            f"--client-go-qps={qps}",
            f"--client-go-burst={burst}",
            *([f"--target-label-selector={selector}"] if selector else []),
        ]
        self.process = Process(command, log=directory / "metacontroller.log", name="metacontroller")

    def start(self) -> None:
        self._cluster.namespace("metacontroller")
        self._cluster.apply_file(self._files.crds)
        self._cluster.apply_file(ROLE)
        wait_until(self._kinds_served, timeout=20, what="the kinds of Metacontroller")
        self.restart()

    def restart(self) -> None:
        self.process.stop()
        self.process.start()
        self.process.wait_for(
            lambda: answers(self._health_port, "/healthz", status=200),
            timeout=30,
            what="Metacontroller to be healthy",
        )

    def stop(self) -> None:
        self.process.stop()

    def _kinds_served(self) -> bool:
        try:
            served = self._cluster.api.request("GET", f"/apis/{_CONTROLLERS}")["resources"]
        except ApiError:
            return False
        return any(resource["kind"] == "DecoratorController" for resource in served)


@contextlib.contextmanager
def running_metacontroller(
    files: MetacontrollerFiles,
    cluster: Cluster,
    directory: Path,
    *,
    workers: int = 10,
    qps: int = 500,
    burst: int = 1000,
    selector: str = "",
) -> Iterator[Metacontroller]:
    metacontroller = Metacontroller(
        files, cluster, directory, workers=workers, qps=qps, burst=burst, selector=selector
    )
    try:
        metacontroller.start()
        yield metacontroller
    finally:
        metacontroller.stop()
