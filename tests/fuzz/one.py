"""Fuzzes one target in this process, which the fuzzer ends.

`python -m tests.fuzz.one TARGET [libFuzzer's arguments]`
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

atheris: Any = importlib.import_module("atheris")


def main() -> None:
    """Does not return."""
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=["backends", "hooks"]):
        targets = importlib.import_module("tests.fuzz.targets")
    logging.disable()
    atheris.Setup([sys.argv[0], *arguments], targets.ALL[name].run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
