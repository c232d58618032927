"""Runs each target in a process of its own, for a bounded time and number of runs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import ALL, Target
from tests.tools import unmeasured

# Seconds for starting and ending, on a machine that is busy.
_SPARE = 120
_RUNS = re.compile(r"Done (\d+) runs in (\d+) second|stat::number_of_executed_units:\s*(\d+)")
_COVERAGE = re.compile(r"cov: (\d+)")
_LONGEST = 16 * 1024


@dataclass(frozen=True, slots=True)
class Found:
    """How fuzzing one target went.

    Args:
        runs: inputs tried.
        coverage: branches reached.
        crash: the input that raised, None if none did.
        log: what the fuzzer wrote.
    """

    runs: int
    coverage: int
    crash: bytes | None
    log: str

    @property
    def trouble(self) -> str:
        """The last words of a process that found something."""
        return self.log[-4000:]


def missing() -> str:
    """Why there is no fuzzing here; empty if there is."""
    if importlib.util.find_spec("atheris") is None:
        return "atheris is not installed: there are wheels for CPython on Linux x86-64 only"
    return ""


def fuzz(name: str, *, seconds: int, runs: int, seed: int, corpus: Path | None = None) -> Found:
    """Fuzzes one target.

    Args:
        name: of the target.
        seconds: how long at most, without the start.
        runs: how many inputs at most.
        seed: of the fuzzer's chance.
        corpus: where inputs that reach something new are kept; None keeps none.

    Raises:
        RuntimeError: the fuzzer itself failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        seeds, crashes = here / "seeds", here / "crashes"
        crashes.mkdir()
        _write_seeds(ALL[name], seeds, here / "words")
        kept = corpus or here / "corpus"
        kept.mkdir(parents=True, exist_ok=True)
        process = subprocess.run(  # noqa: S603
            [
                sys.executable,
                *("-m", "tests.fuzz.one", name),
                f"-max_total_time={seconds}",
                f"-runs={runs}",
                f"-seed={seed}",
                f"-max_len={_LONGEST}",
                f"-dict={here / 'words'}",
                f"-artifact_prefix={crashes}/",
                "-timeout=20",
                "-rss_limit_mb=2048",
                str(kept),
                str(seeds),
            ],
            cwd=Path(__file__).parents[2],
            env={**unmeasured(), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds + _SPARE,
            check=False,
        )
        log = process.stdout.decode(errors="replace")
        crash = next((path.read_bytes() for path in sorted(crashes.iterdir())), None)
    if crash is None and process.returncode != 0:
        raise RuntimeError(f"fuzzing {name} ended with {process.returncode}:\n{log[-4000:]}")
    done = [match[1] or match[3] for match in _RUNS.finditer(log)]
    coverage = _COVERAGE.findall(log)
    return Found(int(done[-1]) if done else 0, int(coverage[-1]) if coverage else 0, crash, log)


def _write_seeds(target: Target, seeds: Path, words: Path) -> None:
    seeds.mkdir()
    for number, seed in enumerate(target.seeds):
        (seeds / f"{number:03}").write_bytes(seed)
    # The fuzzer's own escapes, which know only these.
    lines = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in target.words)
    words.write_text("".join(f'"{line}"\n' for line in lines))
