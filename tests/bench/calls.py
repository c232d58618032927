"""Calls of Python functions in the hook for each call of the hook: `python -m tests.bench.calls`.

Unlike CPU they are the same on a busy machine, and so they have a bound that a test looks at.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from hooks.commands.processes import wait_until
from tests.bench.direct import PATIENCE, Caller
from tests.bench.stores import Stores
from tests.servers.hook import Hook

# Each kind of call by so many Secrets: what the server does besides hardly counts.
_SECRETS = 40


def counted(stores: Stores, directory: Path) -> Mapping[str, float]:
    """Calls of Python functions for a new, an unchanged and, where there are any, a rotated Secret.

    Args:
        stores: starts the store.
        directory: for all that is written.
    """
    path = directory / "calls"
    settings = {"BACKEND_NAME": stores.kind, "LOG_LEVEL": "WARNING", **PATIENCE}
    program = ("tests.bench.counted", str(path))
    found: dict[str, float] = {}
    with stores.running(directory / "store") as store:
        hook = Hook(store, directory / "hook", settings=settings, program=program)
        with closing(hook), closing(Caller(hook, 1)) as caller:
            hook.start()
            _told(hook, path)
            for kind in ("new", "unchanged", *(["rotated"] if stores.rotation else [])):
                if kind == "rotated":
                    caller.rotate()
                    # VersityGW 1.8.0 may take one rotated account for another for a while.
                    caller.expected = {"Ready", "Retrying"}
                for number in range(_SECRETS):
                    caller.sync(number)
                found[kind] = _told(hook, path) / _SECRETS
    return found


def _told(hook: Hook, path: Path) -> int:
    """How many calls there were since this was asked last."""
    os.kill(hook.process.pid, signal.SIGUSR1)
    wait_until(path.exists, timeout=10, what="the number of calls")
    calls = int(path.read_text())
    path.unlink()
    return calls


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        for kind, calls in counted(Stores("versitygw"), Path(directory)).items():
            print(f"{kind:10} {calls:7.0f} calls")
