"""An application that uses its bucket all the time, and notices every refusal."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from tests.e2e.stack import Stack, Tenant
from tests.servers.s3 import code_of

REQUESTS = 200


@dataclass
class Application:
    """What came of its requests so far."""

    answers: Counter[str] = field(default_factory=Counter)
    """How often each S3 error code was seen; "" is success."""


@contextlib.contextmanager
def using(stack: Stack, tenant: Tenant) -> Iterator[Application]:
    """Within, the tenant's credentials are used in a loop, and in all 200 times at least.

    Raises:
        AssertionError: at the end, if any request was refused.
    """
    application = Application()
    over = threading.Event()

    def use() -> None:
        with stack.s3.s3(*tenant.credentials) as client:
            where = {"Bucket": tenant.bucket, "Key": "used"}
            while not (over.is_set() and application.answers.total() >= REQUESTS):
                writes = application.answers.total() % 10 == 0
                request = client.put_object if writes else client.head_object
                application.answers[code_of(partial(request, **where))] += 1

    thread = threading.Thread(target=use, name="application")
    thread.start()
    try:
        yield application
    finally:
        over.set()
        thread.join()
    assert application.answers.keys() == {""}, application.answers
    assert application.answers.total() >= REQUESTS
