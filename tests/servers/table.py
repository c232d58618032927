"""Which programs the tests run, of which version, and how each is built.

One row of `SERVERS` is all that a further server needs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.servers.recipes import (
    MODULE,
    Step,
    cargo_install,
    go_build,
    go_install,
    go_tool,
    module_version,
    required_version,
    rustfs,
    system_version,
    unpacked,
)
from tests.servers.versions import asked

NATIVE_FLOOR = MODULE.parent / "bench" / "nativefloor"
CACHE = "s3-resource-operator"


@dataclass(frozen=True)
class Server:
    name: str
    version: str
    about: str
    """What the wait is for, in words for the person who waits."""
    step: Callable[[Path], Step]
    on_path: bool = False
    """Whether one that the user has installed will do, whatever its version."""
    program: str = ""
    """Where the program is below what is built, if that is a folder."""
    optional: bool = False
    """Whether people do without it where its tool isn't to be had; CI doesn't."""
    on_request: bool = False
    """Whether it takes so long to build that only who asks for it has it: CI doesn't either."""

    @property
    def variable(self) -> str:
        return self.name.upper().replace("-", "_") + "_BIN"

    @property
    def cached(self) -> Path:
        """What is built: the program, or the folder that it is in."""
        return cache_folder() / self.name / self.version / self.name

    @property
    def built(self) -> Path:
        """The program itself."""
        return self.cached / self.program


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / CACHE


_VERSITYGW = "v1.8.0"
_MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"
_GARAGE = "2.5.0"
_RUSTFS = "1.0.1"
_SEAWEEDFS = "github.com/seaweedfs/seaweedfs"
_NATIVE_FLOOR = "s3-resource-operator.io/tests/bench/nativefloor"
_HELM = "v4.3.1"
_KUBECONFORM = "v0.7.0"
_PROMETHEUS = "v0.316.0"
_ACTIONLINT = "v1.7.12"
_MC = "v0.0.0-20250313080218-cf909e1063a9"
_CONSUMERS = MODULE / "consumers"

SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (
        Server(
            "versitygw",
            asked("versitygw", _VERSITYGW),
            "the S3 store; about 90 s on two cores",
            go_install(
                "github.com/versity/versitygw/cmd/versitygw", asked("versitygw", _VERSITYGW)
            ),
            on_path=True,
        ),
        Server(
            "minio",
            asked("minio", _MINIO),
            "the S3 store; about 2 minutes on two cores",
            go_install("github.com/minio/minio", asked("minio", _MINIO)),
        ),
        Server(
            "garage",
            asked("garage", _GARAGE),
            "the S3 store; about 6 minutes on two cores",
            cargo_install("garage", asked("garage", _GARAGE), "bundled-libs,lmdb,sqlite"),
        ),
        Server(
            "ceph-rgw",
            system_version(),
            "the S3 store, of this system's packages, 50 MB; about 30 s",
            unpacked("radosgw", "ceph-mon", "ceph-osd", "ceph-base", "ceph-common"),
            program="usr/bin/radosgw",
            optional=True,
        ),
        Server(
            "seaweedfs",
            asked("seaweedfs", required_version(MODULE / "seaweedfs", _SEAWEEDFS)),
            "the S3 store; about 5 minutes on two cores",
            go_tool(MODULE / "seaweedfs", f"{_SEAWEEDFS}/weed", _SEAWEEDFS, asked("seaweedfs", "")),
        ),
        Server(
            "rustfs",
            asked("rustfs", _RUSTFS),
            "the S3 store; about 40 minutes and 5 GB of memory on two cores",
            rustfs(asked("rustfs", _RUSTFS)),
            on_request=True,
        ),
        Server(
            "etcd",
            module_version("etcd", "go.etcd.io/etcd/server/v3"),
            "the storage of Kubernetes; about 40 s on two cores",
            go_build("etcd"),
        ),
        Server(
            "kube-apiserver",
            module_version("kube-apiserver", "k8s.io/kubernetes"),
            "the Kubernetes API; about 3 minutes on two cores, downloads included",
            go_build("kube-apiserver"),
        ),
        Server(
            "kubectl",
            module_version("kubectl", "k8s.io/kubectl"),
            "shows Events and renders kustomizations; about 30 s on two cores",
            go_build("kubectl"),
        ),
        Server(
            "helm",
            _HELM,
            "renders the chart; about 90 s on two cores",
            go_install("helm.sh/helm/v4/cmd/helm", _HELM),
        ),
        Server(
            "kubeconform",
            _KUBECONFORM,
            "checks manifests against schemas; some seconds",
            go_install("github.com/yannh/kubeconform/cmd/kubeconform", _KUBECONFORM),
        ),
        *(
            Server(
                name,
                _PROMETHEUS,
                about,
                # Without the clients of every cloud that Prometheus can discover targets in.
                go_install(
                    f"github.com/prometheus/prometheus/cmd/{name}", _PROMETHEUS, "remove_all_sd"
                ),
            )
            for name, about in (
                ("promtool", "checks and tries alert rules; about 2 minutes on two cores"),
                ("prometheus", "answers what the dashboard asks; about 2 minutes on two cores"),
            )
        ),
        Server(
            "actionlint",
            _ACTIONLINT,
            "checks workflows; some seconds",
            go_install("github.com/rhysd/actionlint/cmd/actionlint", _ACTIONLINT),
        ),
        Server(
            "native-floor",
            required_version(
                NATIVE_FLOOR, "github.com/aws/aws-sdk-go-v2", NATIVE_FLOOR / "main.go"
            ),
            "sends signed probes, as the benchmark's limit; some seconds",
            go_tool(NATIVE_FLOOR, _NATIVE_FLOOR),
        ),
        Server(
            "consumers",
            required_version(
                MODULE / "consumers",
                "github.com/aws/aws-sdk-go-v2/config",
                MODULE / "consumers" / "main.go",
            ),
            "AWS's SDK for Go and Thanos' reader of connection Secrets; about 40 s on two cores",
            go_tool(MODULE / "consumers", "s3-resource-operator.io/tests/servers/consumers"),
        ),
        Server(
            "mc",
            _MC,
            "MinIO's client, which reads connection Secrets; about a minute on two cores",
            go_install("github.com/minio/mc", _MC),
        ),
        *(
            Server(
                name,
                required_version(_CONSUMERS / name, requirement, _CONSUMERS / name / "main.go"),
                f"{about} as a reader of connection Secrets; about {minutes} on two cores",
                go_tool(
                    _CONSUMERS / name, f"s3-resource-operator.io/tests/servers/consumers/{name}"
                ),
            )
            for name, requirement, about, minutes in (
                ("registry", "github.com/distribution/distribution/v3", "Distribution", "a minute"),
                ("loki", "github.com/grafana/loki/v3", "Loki", "2 minutes"),
            )
        ),
        *(
            Server(
                name,
                system_version(),
                "a program that reads what a connection Secret holds, of this system's packages; "
                "some seconds",
                unpacked(name),
                program=f"usr/bin/{name}",
                optional=True,
            )
            for name in ("rclone", "restic", "pgbackrest", "s3cmd", "s3fs")
        ),
    )
}
