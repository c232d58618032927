"""Several nodes of Garage, as a cluster that keeps everything on each of them."""

from __future__ import annotations

import copy
import os
import secrets
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from hooks.commands.processes import LOOPBACK, Process, answers, free_port, wait_until
from tests.servers.garage import GarageStore

_SETTLED = 30


@contextmanager
def garage_nodes(
    store: GarageStore, number: int, *, layout: bool = True
) -> Iterator[Sequence[GarageStore]]:
    """Nodes of one new cluster, beside the store; without a layout they store nothing."""
    program = store.process.command[0]
    token = secrets.token_urlsafe(24)
    env = {key: value for key, value in os.environ.items() if not key.startswith("GARAGE_")}
    env |= {"GARAGE_ADMIN_TOKEN": token, "GARAGE_RPC_SECRET": os.urandom(32).hex()}
    with ExitStack() as running:
        nodes, files = [], []
        for _ in range(number):
            node = copy.copy(store)
            node.port, node.admin_port, node.admin_token = free_port(), free_port(), token
            node.url = f"http://{LOOPBACK}:{node.port}"
            node.admin_url = f"http://{LOOPBACK}:{node.admin_port}"
            folder = Path(running.enter_context(TemporaryDirectory()))
            files.append(_configuration(folder, node, number))
            node.process = Process(
                [program, "-c", files[-1], "server"],
                log=folder / "garage.log",
                env=env,
                name="garage",
            )
            node.process.start()
            # In peace it takes ten seconds.
            running.callback(node.process.kill)
            nodes.append(node)
        for node in nodes:
            node.process.wait_for(partial(_answers, node), timeout=_SETTLED, what="it to answer")

        def garage(file: Path, *arguments: str) -> str:
            done = subprocess.run(  # noqa: S603 - the server's own program
                [program, "-c", str(file), *arguments],
                env=env,
                capture_output=True,
                text=True,
                check=True,
                timeout=_SETTLED,
            )
            return done.stdout.strip()

        if layout:
            ids = [garage(file, "node", "id", "-q") for file in files]
            for other in ids[1:]:
                garage(files[0], "node", "connect", other)
            for name in ids:
                garage(files[0], "layout", "assign", "-z", "one", "-c", "1G", name.split("@")[0])
            garage(files[0], "layout", "apply", "--version", "1")
            for node in nodes:
                healthy = partial(answers, node.admin_port, "/health", status=200)
                wait_until(healthy, timeout=_SETTLED, what="its layout")
        yield nodes


def _answers(node: GarageStore) -> bool:
    return answers(node.admin_port, "/health") and answers(node.port)


def _configuration(folder: Path, node: GarageStore, number: int) -> Path:
    file = folder / "garage.toml"
    rpc = f"{LOOPBACK}:{free_port()}"
    file.write_text(
        f"""metadata_dir = "{folder}/meta"
data_dir = "{folder}/data"
db_engine = "sqlite"
replication_factor = {number}
rpc_bind_addr = "{rpc}"
rpc_public_addr = "{rpc}"

[s3_api]
s3_region = "{node.region}"
api_bind_addr = "{LOOPBACK}:{node.port}"

[admin]
api_bind_addr = "{LOOPBACK}:{node.admin_port}"
"""
    )
    return file
