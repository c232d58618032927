"""Whose certificates are believed, and how strictly they are read."""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path

from backends.wire.watched import WatchedFile

CaBundle = WatchedFile[bytes]
"""CA certificates in PEM, from a file that may change."""


def ca_bundle(path: Path) -> CaBundle:
    """The CA certificates of a PEM file.

    Raises:
        OSError: it can't be read.
        ValueError: it is no PEM file of certificates.
    """
    return WatchedFile(path, "the CA bundle", _certificates)


def context(pem: bytes | None, *, strict: bool) -> ssl.SSLContext:
    """A client's TLS context.

    Args:
        pem: the CAs, None for the system's.
        strict: refuse what RFC 5280 forbids, such as a CA without key usage or a certificate
            without its CA's key identifier. Python does that by itself from 3.13 on, unlike Go,
            curl and the Python before, so that what everybody else accepts would be refused.

    Raises:
        ssl.SSLError: no certificates.
    """
    made = ssl.create_default_context(cadata=None if pem is None else _text(pem))
    made.verify_flags = strictly(made.verify_flags, strict=strict)
    return made


def strictly(flags: ssl.VerifyFlags, *, strict: bool) -> ssl.VerifyFlags:
    """A context's flags with or without strictness."""
    if strict:
        return flags | ssl.VERIFY_X509_STRICT
    return flags & ~ssl.VERIFY_X509_STRICT


def _certificates(content: bytes) -> bytes:
    # Nothing at all would be taken for the wish to believe the system's.
    if _text(content):
        with contextlib.suppress(ssl.SSLError):
            context(content, strict=False)
            return content
    raise ValueError("must be a PEM file of CA certificates")


def _text(pem: bytes) -> str:
    # What isn't ASCII stands in remarks between the certificates.
    return pem.decode("ascii", errors="ignore")
