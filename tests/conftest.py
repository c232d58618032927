"""How the tests are collected; what they share is in `tests/shared.py`."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from tests.marks import leaves_out

# What is imported and collected stays to the end. Looking through it again and again for garbage
# took a sixth of all.
gc.disable()

# How many more objects there are than before when it is looked for during the tests.
_COLLECT_AFTER = 50_000


def pytest_configure(config: pytest.Config) -> None:
    """Whoever only hands the tests out needs none of what they need, and begins sooner."""
    hands_out = config.getoption("dist", "no") != "no" and not config.getoption("collectonly")
    if not hands_out or hasattr(config, "workerinput"):
        config.pluginmanager.import_plugin("tests.shared")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """No file is read whose every test has a mark that isn't asked for."""
    expression: str = config.getoption("markexpr")
    if not expression or collection_path.suffix != ".py":
        return None
    return True if leaves_out(expression, collection_path.read_text()) else None


def pytest_collection_finish() -> None:
    """What was collected is none of the garbage's collector's business."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_report_to_serializable(
    report: pytest.CollectReport | pytest.TestReport,
) -> None:
    """What passed is told without its keywords: nobody reads them, and both sides take time."""
    if isinstance(report, pytest.TestReport) and report.passed:
        report.keywords = {}
