"""One store as the settings have it, whether from the environment or from a list of stores."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from backends.base import Connection, Credentials
from backends.capabilities import CAPABILITIES
from backends.wire.sensitive import Sensitive
from hooks.claim.adoption import Adoption
from hooks.claim.endpoint import is_loopback
from hooks.claim.stores import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """One store.

    Args:
        store: what Secrets call it.
        backend: which it is, of BACKEND_NAME's words.
        connection: how the operator reaches it.
        public_endpoint: how applications do, to the letter.
        adoption: what takes the place of ADOPTION on it; None if nothing does.
    """

    store: Store
    backend: str
    connection: Connection
    public_endpoint: str
    adoption: Adoption | None = None


UNKNOWN = Entry(Store(), "versitygw", Connection("", "", "", Credentials("", Sensitive(""))), "")
"""Stands in for one that can't be read."""


def is_by_token(backend: str) -> bool:
    """Whether a store's administration is a token's, with an API of its own: Garage's is."""
    return backend == "garage"


def is_overheard(backend: str, endpoint: str) -> bool:
    """Whether an admin endpoint would be sent users' secrets for all in between to read.

    Of a store whose capabilities say that it needs TLS; this machine itself is nobody in between.

    Args:
        backend: which store, of BACKEND_NAME's words.
        endpoint: its admin endpoint, normalised.
    """
    parts = urlsplit(endpoint)
    if parts.scheme != "http" or is_loopback(parts.hostname or ""):
        return False
    return backend in CAPABILITIES and CAPABILITIES[backend].needs_tls


def region_of(backend: str) -> str:
    """The region of a store for which none is set."""
    return "garage" if is_by_token(backend) else "us-east-1"
