"""The hook server with its calls of Python functions counted: `python -m tests.bench.counted FILE`.

At SIGUSR1 it writes the count since the last time into FILE and begins anew. A generator or a
coroutine that goes on counts like a call. Other threads' calls don't count.
"""

from __future__ import annotations

import runpy
import signal
import sys
from pathlib import Path
from types import FrameType

_calls = 0


def _count(_: FrameType, event: str, __: object) -> None:
    global _calls
    if event == "call":
        _calls += 1


def main(path: Path) -> None:
    def tell(*_: object) -> None:
        global _calls
        sys.setprofile(None)
        written = path.with_suffix(".new")
        written.write_text(str(_calls))
        written.replace(path)
        _calls = 0
        sys.setprofile(_count)

    signal.signal(signal.SIGUSR1, tell)
    sys.setprofile(_count)
    sys.argv = ["hooks", "serve"]
    runpy.run_module("hooks", run_name="__main__")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
