"""What runs the Jobs that Helm waits for: there is no Job controller and no kubelet here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.chart.cluster import Release
from tests.servers.accounts import kubeconfig
from tests.servers.api import ApiError, Object
from tests.servers.hook import ROOT

KEPT = ("PATH", "HOME", "LANG", "TMPDIR")
"""Variables of the tests' own environment that a program can't do without."""

_INTERVAL = 0.2


def log_in(release: Release, account: str, path: Path) -> Path:
    """A kubeconfig at `path` for a service account of the release's namespace."""
    where = f"/api/v1/namespaces/{release.namespace}/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = release.cluster.api.request("POST", where, request)["status"]["token"]
    return kubeconfig(release.cluster, path, user={"token": token})


class Jobs:
    """Runs each Job of a release's namespace once, with its own account, and tells how it ended."""

    def __init__(self, release: Release, directory: Path) -> None:
        self.outputs: list[str] = []
        """What each Job printed, to either stream."""
        self._release = release
        self._directory = directory
        self._seen: set[str] = set()
        self._end = threading.Event()

    def watch(self) -> None:
        while not self._end.wait(_INTERVAL):
            for job in self._release.cluster.api.request("GET", self._path())["items"]:
                if job["metadata"]["uid"] not in self._seen:
                    self._seen.add(job["metadata"]["uid"])
                    self._run(job)

    def end(self) -> None:
        self._end.set()

    def _path(self) -> str:
        return f"/apis/batch/v1/namespaces/{self._release.namespace}/jobs"

    def _run(self, job: Object) -> None:
        begun = datetime.now(UTC)
        pod = job["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        environ = {key: os.environ[key] for key in KEPT if key in os.environ}
        account = log_in(self._release, pod["serviceAccountName"], self._directory / "job.yaml")
        done = subprocess.run(  # noqa: S603 - no shell, and the arguments are the chart's
            [sys.executable, "-m", "hooks", *container["args"]],
            env=environ | {"KUBECONFIG": str(account)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.outputs.append(done.stdout + done.stderr)
        reasons = (
            ("FailureTarget", "Failed") if done.returncode else ("SuccessCriteriaMet", "Complete")
        )
        status: Object = {
            "startTime": _stamp(begun),
            "failed" if done.returncode else "succeeded": 1,
            "conditions": [
                {
                    "type": reason,
                    "status": "True",
                    "reason": "Ended",
                    "message": f"exit code {done.returncode}",
                    "lastTransitionTime": _stamp(datetime.now(UTC)),
                }
                for reason in reasons
            ],
        }
        if not done.returncode:
            status["completionTime"] = _stamp(datetime.now(UTC))
        self._release.cluster.api.request(
            "PATCH",
            f"{self._path()}/{job['metadata']['name']}/status",
            {"status": status},
            content_type="application/merge-patch+json",
        )


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def running_jobs(release: Release, directory: Path) -> Iterator[Jobs]:
    """Jobs are run while this lasts.

    Raises:
        AssertionError: what runs them ended with an error of its own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    jobs = Jobs(release, directory)
    wrong: list[BaseException] = []

    def watch() -> None:
        try:
            jobs.watch()
        except (ApiError, OSError, subprocess.SubprocessError, ValueError) as error:
            wrong.append(error)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield jobs
    finally:
        jobs.end()
        thread.join()
    assert not wrong
