"""A Ceph RGW with the least of a cluster behind it: for the demo and for the tests.

One monitor and one storage daemon that keeps everything in memory, all on loopback and from an
unpacked folder, without root. Seen with Ceph 16.2.15; ready after a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from pathlib import Path

from hooks.commands.processes import LOOPBACK, Process, ProcessError, answers, free_port

OPERATOR = "s3-operator"
"""The uid of the operator's user, which is not its access key."""
CAPS = "users=*;buckets=*"
"""The least that the operator needs."""

_GATEWAY = "client.rgw"
_ACTIVE = "-> active"
# The storage daemon takes four ports, and there may be several of it.
_PORTS = 100


class Gateway(Process):
    """The gateway; `kill` ends it alone, `stop` the daemons behind it as well.

    Args:
        binary: the program ``radosgw`` in its folder, with the daemons' beside it.
        directory: for files and logs.
        port: where it listens.
        access_key: the operator's.
    """

    def __init__(self, binary: Path, directory: Path, *, port: int, access_key: str) -> None:
        self._bin = binary.parent
        self._folder = directory
        self._environment = _environment(binary.parents[2])
        self.configuration = directory / "ceph.conf"
        super().__init__(
            [*self._command("radosgw"), "-f", "-n", _GATEWAY],
            log=directory / "radosgw.out",
            env=self._environment,
            name="radosgw",
        )
        self.port = port
        self.access_key = access_key
        self.secret_key = ""
        """The operator's; the gateway makes it up, since a command line is open to everybody."""
        self.cluster: list[Process] = []

    def begin(self) -> None:
        """Makes the cluster and starts all of it, once.

        Raises:
            ProcessError: something of it doesn't start.
        """
        cluster_id = str(uuid.uuid4())
        libraries = next(self._bin.parent.glob("lib/*-linux-gnu"), self._bin.parent / "lib")
        self.configuration.write_text(
            _configuration(self._folder, libraries, cluster_id, self.port), encoding="utf-8"
        )
        keyring = self._folder / "keyring"
        keyring.write_text(
            '[mon.]\n\tkey = AQAAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAAAAAA==\n\tcaps mon = "allow *"\n',
            encoding="utf-8",
        )
        self._run("ceph-mon", "--mkfs", "-i", "a", "--fsid", cluster_id, "--keyring", str(keyring))
        self._daemon("ceph-mon", "a")
        (self._folder / "osd.0").mkdir()
        self._run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", str(uuid.uuid4()))
        storage = self._daemon("ceph-osd", "0")
        log = self._folder / "osd.0.log"
        # A gateway that comes earlier waits for five seconds.
        storage.wait_for(
            lambda: log.exists() and _ACTIVE in log.read_text(errors="replace"),
            timeout=30,
            what="its place in the cluster",
        )
        self.start()
        self.wait_for(lambda: answers(self.port), timeout=60, what="Ceph RGW to answer")
        made = self.admin(
            *("user", "create", f"--uid={OPERATOR}", "--display-name=operator"),
            *(f"--access-key={self.access_key}", "--gen-secret", "--max-buckets=0"),
            f"--caps={CAPS}",
        )
        self.secret_key = json.loads(made)["keys"][0]["secret_key"]

    def admin(self, *arguments: str) -> str:
        """What ``radosgw-admin`` prints.

        Raises:
            ProcessError: it failed.
        """
        return self._run("radosgw-admin", "-n", _GATEWAY, *arguments)

    def rados(self, *arguments: str) -> str:
        """What ``rados`` prints, which looks beneath the gateway.

        Raises:
            ProcessError: it failed.
        """
        return self._run("rados", "-n", _GATEWAY, *arguments)

    def stop(self, grace: float = 10.0) -> int | None:
        """Ends everything at once: to end in peace takes it seven seconds, and nothing is kept."""
        code = self.kill()
        for daemon in reversed(self.cluster):
            daemon.kill()
        return code

    def _daemon(self, program: str, name: str) -> Process:
        daemon = Process(
            [*self._command(program), "-f", "-i", name],
            log=self._folder / f"{program}.out",
            env=self._environment,
        )
        self.cluster.append(daemon)
        daemon.start()
        return daemon

    def _run(self, program: str, *arguments: str) -> str:
        # No shell, and the command is made of constants and of this module's own folder.
        done = subprocess.run(  # noqa: S603
            [*self._command(program), *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessError(f"{program} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done.stdout

    def _command(self, program: str) -> list[str]:
        return [str(self._bin / program), "-c", str(self._folder / "ceph.conf")]


def ceph_rgw(binary: Path, directory: Path, *, port: int, access_key: str) -> Gateway:
    """Start a Ceph RGW below `directory`, and wait until it answers on `port`.

    The operator's user is made with no more than the operator needs; see `Gateway.secret_key`.
    """
    gateway = Gateway(binary, directory.resolve(), port=port, access_key=access_key)
    try:
        gateway.begin()
    except BaseException:
        gateway.stop()
        raise
    return gateway


def _environment(root: Path) -> dict[str, str]:
    """This process's own, with the libraries that lie in the folder."""
    # Its other variables would quietly change which cluster this is.
    env = {key: value for key, value in os.environ.items() if not key.startswith("CEPH_")}
    folders = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("usr/lib/*-linux-gnu/ceph")]
    folders += root.glob("lib/*-linux-gnu")
    return {**env, "LD_LIBRARY_PATH": ":".join(map(str, folders))}


def _configuration(folder: Path, libraries: Path, cluster_id: str, port: int) -> str:
    monitor, first = free_port(), free_port()
    return f"""[global]
fsid = {cluster_id}
mon host = [v2:{LOOPBACK}:{monitor}/0]
public addr = {LOOPBACK}
cluster addr = {LOOPBACK}
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = {first}
ms bind port max = {min(first + _PORTS, 65535)}
ms mon client mode = crc
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
pid file = {folder}/$name.pid
admin socket =
log file = {folder}/$name.log
log to stderr = false
mon cluster log file = {folder}/cluster.log
plugin dir = {libraries}/ceph
erasure code dir = {libraries}/ceph/erasure-code
osd class dir = {libraries}/rados-classes
osd erasure code plugins =
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
mon tick interval = 1
paxos propose interval = 0.02
paxos min wait = 0.005

[mon.a]
mon data = {folder}/mon.a
public addr = v2:{LOOPBACK}:{monitor}

[osd.0]
osd data = {folder}/osd.0
osd objectstore = memstore
memstore device bytes = 2147483648
osd hostname = localhost
osd client watch timeout = 3

[{_GATEWAY}]
keyring = {folder}/none
rgw data = {folder}
rgw frontends = beast endpoint={LOOPBACK}:{port} tcp_nodelay=1
rgw thread pool size = 64
rgw override bucket index max shards = 1
rgw run sync thread = false
rgw enable lc threads = false
debug rgw = 0
"""
