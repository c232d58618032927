"""The platform's Secrets."""

from __future__ import annotations

from tests.bench.floor import secret_of
from tests.e2e.stack import ENABLED
from tests.servers.accounts import secret
from tests.servers.api import Object


def new(namespace: str, number: int) -> Object:
    """One as an application's author writes it, with names that the floor uses too."""
    return secret(
        namespace,
        f"secret-{number}",
        annotations=dict(ENABLED),
        data={
            "bucket-name": f"bucket-{number}",
            "access-key": f"user{number:05}",
            "access-secret": secret_of(number),
        },
    )


def stranger(namespace: str, number: int) -> Object:
    """One that is none of the operator's, of a usual size."""
    return secret(namespace, f"other-{number}", data={"password": "p" * 1000})
