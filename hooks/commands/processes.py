"""Starting, waiting for and ending other programs: for the demo and for the tests.

Each `Process` writes to a log file of its own, so that a program that dies while somebody waits
for it can be explained by its last lines. Ceph RGW is several programs, see `cephrgw` beside this.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"

_TAIL_LINES = 20


class ProcessError(RuntimeError):
    """A program did not start, did not get ready, or did not end as it should."""


def free_port() -> int:
    """A loopback TCP port that nothing listens on, and that nobody else is given for a minute.

    A connection that has just ended keeps the kernel from handing the port out once more, and lets
    a server listen on it that asks for SO_REUSEADDR, as all do that may be started again.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, 0))
        listener.listen(1)
        port: int = listener.getsockname()[1]
        with socket.create_connection((LOOPBACK, port), timeout=10):
            # Whose side closes first has the port to wait with.
            listener.accept()[0].close()
        return port


def wait_until(
    condition: Callable[[], object], *, timeout: float, what: str, interval: float = 0.05
) -> None:
    """Return once `condition()` is true; raise TimeoutError, naming `what`, if it never is."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {timeout:g} s for {what}")
        time.sleep(interval)


def answers(port: int, path: str = "/", *, status: int | None = None) -> bool:
    """Whether an HTTP server on this loopback port answers, with that status if one is given."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return status is None or response.status == status


class Process:
    """One program, started as a child; a context manager that ends it.

    `env` is the whole environment of the child; None means this process's own. Output of both
    kinds is appended to `log`, also over several starts.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        name: str | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.name = name or Path(self.command[0]).name
        self.log = log
        self.env = None if env is None else dict(env)
        self.cwd = cwd
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if not self.running:
            self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        if self.running:
            raise ProcessError(f"{self.name} is already running as {self.pid}")
        with self.log.open("ab") as output:
            # No shell, and the command is the caller's own.
            self._child = subprocess.Popen(  # noqa: S603
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
            )

    def wait_for(self, condition: Callable[[], object], *, timeout: float, what: str) -> None:
        """Like `wait_until`, but give up at once when the program is gone."""

        def held() -> object:
            if not self.running:
                raise ProcessError(
                    f"{self.name} ended with {self.returncode} before {what}:\n{self.log_tail()}"
                )
            return condition()

        try:
            wait_until(held, timeout=timeout, what=what)
        except TimeoutError as error:
            raise ProcessError(f"{self.name}: {error}:\n{self.log_tail()}") from error

    def stop(self, grace: float = 10.0) -> int | None:
        """End it with SIGTERM, after `grace` seconds with SIGKILL; its exit code, if it ran."""
        child = self._child
        if child is None or child.poll() is not None:
            return self.returncode
        child.terminate()
        # A paused program sees SIGTERM only once it goes on.
        self.resume()
        try:
            return child.wait(grace)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int | None:
        """End it at once with SIGKILL; the program can do nothing about it."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        return self.returncode

    def pause(self) -> None:
        """SIGSTOP: it keeps its sockets open but does nothing any more, none of its threads."""
        os.kill(self.pid, signal.SIGSTOP)
        # They are stopped one by one: until the last one is, a request may still be answered.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT: undo `pause`."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)

    @property
    def pid(self) -> int:
        if self._child is None:
            raise ProcessError(f"{self.name} was never started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def returncode(self) -> int | None:
        return None if self._child is None else self._child.poll()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines: int = _TAIL_LINES) -> str:
        return "\n".join(self.log_text().splitlines()[-lines:]) or "(it wrote nothing)"


def versitygw(
    binary: Path,
    directory: Path,
    *,
    port: int,
    access_key: str,
    secret_key: str,
    extra_args: Sequence[str] = (),
) -> Process:
    """Start VersityGW on files below `directory`, and wait until it answers on `port`.

    Users are kept in files too, which is what makes its user administration work. The
    administrator's credentials go by environment: a command line is open to every local user.
    """
    files = directory / "files"
    users = directory / "users"
    for folder in (files, users):
        folder.mkdir(parents=True, exist_ok=True)
    listen = f"{LOOPBACK}:{port}"
    # Its other variables would quietly change which server this is.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("VGW_", "ROOT_"))}
    command = [str(binary), "--port", listen, "--iam-dir", str(users), *extra_args]
    return _started(
        Process(
            [*command, "posix", str(files)],
            log=directory / "versitygw.log",
            env={**env, "ROOT_ACCESS_KEY": access_key, "ROOT_SECRET_KEY": secret_key},
            name="versitygw",
        ),
        lambda: answers(port),
        "VersityGW to answer",
    )


def minio(binary: Path, directory: Path, *, port: int, access_key: str, secret_key: str) -> Process:
    """Start MinIO on files below `directory`, and wait until it is initialised on `port`.

    Without its web console, and without the look for a newer release that it makes elsewhere.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith("MINIO_")}
    settings = {
        "MINIO_ROOT_USER": access_key,
        "MINIO_ROOT_PASSWORD": secret_key,
        # Without one, MinIO takes a signature for any region.
        "MINIO_SITE_REGION": "us-east-1",
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
    }
    command = [str(binary), "server", "--quiet", "--address", f"{LOOPBACK}:{port}"]
    return _started(
        Process(
            [*command, "--certs-dir", str(directory / "certs"), str(directory / "files")],
            log=directory / "minio.log",
            env={**env, **settings},
            name="minio",
        ),
        lambda: answers(port, "/minio/health/cluster", status=200),
        "MinIO to be initialised",
    )


def garage(
    binary: Path, directory: Path, *, port: int, admin_port: int, admin_token: str
) -> Process:
    """Start a Garage of one node on files below `directory`, and wait until it is healthy."""
    configuration = directory / "garage.toml"
    configuration.write_text(
        f"""metadata_dir = "{directory}/meta"
data_dir = "{directory}/data"
db_engine = "sqlite"
replication_factor = 1
rpc_bind_addr = "{LOOPBACK}:{free_port()}"

[s3_api]
s3_region = "garage"
api_bind_addr = "{LOOPBACK}:{port}"

[admin]
api_bind_addr = "{LOOPBACK}:{admin_port}"
"""
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith("GARAGE_")}
    secrets = {"GARAGE_ADMIN_TOKEN": admin_token, "GARAGE_RPC_SECRET": os.urandom(32).hex()}
    return _started(
        Process(
            [str(binary), "-c", str(configuration), "server", "--single-node"],
            log=directory / "garage.log",
            env={**env, **secrets},
            name="garage",
        ),
        # Its health needs no token here, and is only good once the node has its layout.
        lambda: answers(admin_port, "/health", status=200) and answers(port),
        "Garage to be healthy",
    )


def seaweedfs(
    binary: Path,
    directory: Path,
    *,
    port: int,
    access_key: str,
    secret_key: str,
    extra_args: Sequence[str] = (),
) -> Process:
    """Start SeaweedFS, all of it in one program, and wait until its S3 API is ready on `port`.

    Its IAM API takes changes; the administrator's credentials stand in a file. Without its
    statistics, which it sends elsewhere, and without what speaks other protocols.
    """
    files = directory / "files"
    files.mkdir(parents=True, exist_ok=True)
    credentials = {"accessKey": access_key, "secretKey": secret_key}
    identity = {"name": "operator", "credentials": [credentials], "actions": ["Admin"]}
    configuration = directory / "s3.json"
    configuration.touch(mode=0o600)
    configuration.write_text(json.dumps({"identities": [identity]}))
    ports = {"s3.port": port}
    for name in ("master.port", "volume.port", "filer.port"):
        ports[name] = free_port()
    ports |= {f"{name}.grpc": free_port() for name in list(ports)}
    flags = {
        "dir": files,
        "ip": LOOPBACK,
        "ip.bind": LOOPBACK,
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 64,
        "volume.max": 0,
        "filer": "true",
        "s3": "true",
        "s3.config": configuration,
        "s3.iam.readOnly": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        **ports,
    }
    env = {key: value for key, value in os.environ.items() if not key.startswith(("WEED_", "AWS_"))}
    # Each bucket's first object would have seven volumes made.
    env["WEED_MASTER_VOLUME_GROWTH_COPY_1"] = "1"
    command = [str(binary), "server", *(f"-{name}={value}" for name, value in flags.items())]
    return _started(
        Process(
            [*command, *extra_args],
            log=directory / "seaweedfs.log",
            env=env,
            cwd=directory,
            name="seaweedfs",
        ),
        lambda: answers(port, "/healthz", status=200),
        "SeaweedFS to be ready",
    )


def rustfs(
    binary: Path, directory: Path, *, port: int, access_key: str, secret_key: str
) -> Process:
    """Start RustFS on files below `directory`, and wait until it is ready on `port`.

    Without its web console, and without the look for a newer release that it makes elsewhere.
    """
    files = directory / "files"
    files.mkdir(parents=True, exist_ok=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith("RUSTFS_")}
    settings = {
        "RUSTFS_ACCESS_KEY": access_key,
        "RUSTFS_SECRET_KEY": secret_key,
        "RUSTFS_ADDRESS": f"{LOOPBACK}:{port}",
        "RUSTFS_CONSOLE_ENABLE": "false",
    }
    return _started(
        Process(
            [str(binary), "server", str(files)],
            log=directory / "rustfs.log",
            env={**env, **settings},
            cwd=directory,
            name="rustfs",
        ),
        lambda: answers(port, "/health/ready", status=200),
        "RustFS to be ready",
    )


def _started(process: Process, ready: Callable[[], object], what: str) -> Process:
    process.start()
    try:
        process.wait_for(ready, timeout=30, what=what)
    except BaseException:
        process.stop()
        raise
    return process
