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
    handlers, level = root.handlers[:], root.level
    names = {name.partition(".")[0] for name in TALKATIVE} | {"uvicorn", "uvicorn.error"}
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, former in levels.items():
            logging.getLogger(name).setLevel(former)
