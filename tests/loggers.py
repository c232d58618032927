"""Logging, which the commands configure for the whole process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

TALKATIVE = [
    "botocore.auth",
    "botocore.endpoint",
    "botocore.hooks",
    "boto3.resources",
    "urllib3.connectionpool",
    "s3transfer.tasks",
    "kubernetes.client.rest",
    "asyncio",
]


@contextmanager
def logging_kept() -> Iterator[None]:
    """Leaves logging as it was, whatever is configured within."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    names = {name.partition(".")[0] for name in TALKATIVE} | {"uvicorn", "uvicorn.error"}
    levels: dict[str | None, int] = {name: logging.getLogger(name).level for name in names}
    levels[None] = root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        for name, former in levels.items():
            logger = logging.getLogger(name)
            # Setting it makes every logger that there is look its level up anew.
            if logger.level != former:
                logger.setLevel(former)
