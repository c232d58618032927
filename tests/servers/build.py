"""Where each test server's program comes from, and how it is built when it is not there.

Programs are built into the user's cache folder, one folder a version, so that every clone of the
repository shares them. One row of `SERVERS` is all that a further server needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tests.servers.versions import asked, is_asked

MODULE = Path(__file__).parent
NATIVE_FLOOR = MODULE.parent / "bench" / "nativefloor"
CACHE = "s3-resource-operator"

_PROGRESS_SECONDS = 15
_UNFINISHED = ".building-"


class BuildError(RuntimeError):
    """A server's program is not there and can't be built."""


@dataclass(frozen=True)
class Step:
    """One run of a build tool that leaves the program in a given folder."""

    command: Sequence[str]
    product: Path
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    needs: str = ""
    """The tool that has to be there, where that isn't the command itself."""

    @property
    def tool(self) -> str:
        return self.needs or self.command[0]


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


def go_install(package: str, version: str, *tags: str) -> Callable[[Path], Step]:
    def step(folder: Path) -> Step:
        return Step(
            ["go", "install", "-trimpath", f"-tags={','.join(tags)}", f"{package}@{version}"],
            folder / package.rsplit("/", 1)[1],
            env={"GOBIN": str(folder)},
        )

    return step


def cargo_install(package: str, version: str, features: str) -> Callable[[Path], Step]:
    def step(folder: Path) -> Step:
        command = ["cargo", "install", f"{package}@{version}", "--locked", "--root", str(folder)]
        return Step(
            [*command, "--no-default-features", "--features", features],
            folder / "bin" / package,
            env={"CARGO_TARGET_DIR": str(folder / "target")},
        )

    return step


def go_tool(
    module: Path, package: str, requirement: str = "", version: str = ""
) -> Callable[[Path], Step]:
    """Build a program by a Go module of its own: the module's tool, or what it consists of.

    With a version, the module requires that one instead of its own.
    """

    def step(folder: Path) -> Step:
        product = folder / package.rsplit("/", 1)[1]
        if version:
            script = [sys.executable, str(MODULE / "gotool.py"), str(module), package]
            return Step([*script, requirement, version, str(folder)], product, needs="go")
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(product), package]
        return Step(command, product, cwd=module)

    return step


def go_build(name: str) -> Callable[[Path], Step]:
    """Build one of the commands of the Go module beside this file."""

    def step(folder: Path) -> Step:
        product = folder / name
        # The commit is no part of these programs, and git may refuse to name it.
        command = ["go", "build", "-trimpath", "-buildvcs=false", "-o", str(product)]
        return Step([*command, f"./cmd/{name}"], product, cwd=MODULE)

    return step


def unpacked(*names: str) -> Callable[[Path], Step]:
    """Unpack packages of this system, with the libraries that they need."""

    def step(folder: Path) -> Step:
        product = folder / "unpacked"
        script = str(MODULE / "packages.py")
        return Step([sys.executable, script, str(product), *names], product, needs="apt-get")

    return step


def system_version() -> str:
    """The release of this system, whose packages are of one version each."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return "unknown"
    return f"{system.get('ID', 'unknown')}-{system.get('VERSION_ID', 'rolling')}"


def module_version(name: str, requirement: str) -> str:
    """The required version of a Go module, with a short hash of all that the build depends on."""
    return _version(MODULE, requirement, MODULE / "cmd" / name / "main.go")


def _version(module: Path, requirement: str, *sources: Path) -> str:
    files = [module / "go.mod", module / "go.sum", *sources]
    text = files[0].read_text()
    found = re.search(
        rf"^\s*(?:require )?{re.escape(requirement)} (v\S+)(?: // indirect)?$", text, re.MULTILINE
    )
    if found is None:
        raise BuildError(f"{files[0]} does not require {requirement}")
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in files))
    return f"{found[1]}-{digest.hexdigest()[:8]}"


_VERSITYGW = "v1.8.0"
_MINIO = "v0.0.0-20260212201848-7aac2a2c5b7c"
_GARAGE = "2.5.0"
_SEAWEEDFS = "github.com/seaweedfs/seaweedfs"
_NATIVE_FLOOR = "s3-resource-operator.io/tests/bench/nativefloor"
_HELM = "v4.3.1"
_KUBECONFORM = "v0.7.0"
_PROMTOOL = "v0.316.0"
_ACTIONLINT = "v1.7.12"

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
            asked("seaweedfs", _version(MODULE / "seaweedfs", _SEAWEEDFS)),
            "the S3 store; about 5 minutes on two cores",
            go_tool(MODULE / "seaweedfs", f"{_SEAWEEDFS}/weed", _SEAWEEDFS, asked("seaweedfs", "")),
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
        Server(
            "promtool",
            _PROMTOOL,
            "checks and tries alert rules; about 2 minutes on two cores",
            # Without the clients of every cloud that Prometheus can discover targets in.
            go_install("github.com/prometheus/prometheus/cmd/promtool", _PROMTOOL, "remove_all_sd"),
        ),
        Server(
            "actionlint",
            _ACTIONLINT,
            "checks workflows; some seconds",
            go_install("github.com/rhysd/actionlint/cmd/actionlint", _ACTIONLINT),
        ),
        Server(
            "native-floor",
            _version(NATIVE_FLOOR, "github.com/aws/aws-sdk-go-v2", NATIVE_FLOOR / "main.go"),
            "sends signed probes, as the benchmark's limit; some seconds",
            go_tool(NATIVE_FLOOR, _NATIVE_FLOOR),
        ),
        Server(
            "consumers",
            _version(
                MODULE / "consumers",
                "github.com/aws/aws-sdk-go-v2/config",
                MODULE / "consumers" / "main.go",
            ),
            "AWS's SDK for Go and Thanos' reader of connection Secrets; about 40 s on two cores",
            go_tool(MODULE / "consumers", "s3-resource-operator.io/tests/servers/consumers"),
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


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / CACHE


def server(name: str) -> Server:
    try:
        return SERVERS[name]
    except KeyError:
        raise BuildError(f"no server {name!r}; there are: {', '.join(SERVERS)}") from None


def find(name: str) -> Path | None:
    """The program of a server: the one its variable names, one on PATH, or one built before."""
    wanted = server(name)
    if named := os.environ.get(wanted.variable):
        path = Path(named)
        if not os.access(path, os.X_OK) or path.is_dir():
            raise BuildError(f"{wanted.variable} names {path}, which is no program")
        return path.resolve()
    if wanted.on_path and not is_asked(name) and (found := shutil.which(name)):
        return Path(found)
    return wanted.built if wanted.built.exists() else None


def is_dispensable(name: str) -> bool:
    """Whether a server that isn't there and can't be built is done without: its tests skip."""
    wanted = server(name)
    if not wanted.optional or in_ci() or find(name) is not None:
        return False
    return shutil.which(wanted.step(Path()).tool) is None


def in_ci() -> bool:
    """Where a missing server is a broken set-up."""
    return os.environ.get("CI", "").lower() == "true"


def build(name: str, *, out: TextIO = sys.stderr) -> Path:
    """The program of a server, built first if it is not there."""
    wanted = server(name)
    if found := find(name):
        print(f"{name}: have {found}", file=out, flush=True)
        return found
    target = wanted.cached
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target.parent / ".lock", name, out):
        # Whoever held the lock may have built it, or been killed halfway.
        if not target.exists():
            for left in target.parent.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left)
            _build_into(wanted, target, out)
    return wanted.built


def _build_into(wanted: Server, target: Path, out: TextIO) -> None:
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=target.parent) as folder:
        step = wanted.step(Path(folder))
        if shutil.which(step.tool) is None:
            raise BuildError(
                f"{wanted.name} is not there and `{step.tool}` is not on PATH to build it: "
                f"install {step.tool}, or set {wanted.variable} to a ready program"
            )
        print(f"{wanted.name}: building {wanted.version} ({wanted.about})", file=out, flush=True)
        started = time.monotonic()
        log = Path(folder) / "build.log"
        status = _run(wanted, step, log, out)
        if status != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
            raise BuildError(f"{' '.join(step.command)} ended with {status}:\n{tail}")
        # A rename is atomic: nobody ever sees half a program.
        step.product.replace(target)
    print(f"{wanted.name}: built in {time.monotonic() - started:.0f} s", file=out, flush=True)


def _run(wanted: Server, step: Step, log: Path, out: TextIO) -> int:
    started = time.monotonic()
    env = {**os.environ, **step.env}
    with (
        log.open("wb") as output,
        subprocess.Popen(  # noqa: S603 - no shell, and the command is a row of the table above
            step.command, stdout=output, stderr=subprocess.STDOUT, env=env, cwd=step.cwd
        ) as child,
    ):
        try:
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return child.wait(_PROGRESS_SECONDS)
                elapsed = time.monotonic() - started
                print(f"{wanted.name}: still building, {elapsed:.0f} s", file=out, flush=True)
        except BaseException:
            child.terminate()
            raise


@contextlib.contextmanager
def _lock(path: Path, name: str, out: TextIO) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{name}: another build of it is under way, waiting", file=out, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
