"""What is sent to MinIO's admin API, encrypted as MinIO's own clients do where FIPS is asked for.

The minio package derives each key by Argon2id, in 64 MiB and 90 ms of CPU, and so does the server
to read it: most of what the tests on MinIO would take. The server reads bodies whose key comes from
PBKDF2 as well (madmin-go 3.0.109, a build with the tag fips writes them). Its answers stay as they
are, and tests/backends/minio sends what the product sends.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from types import FunctionType
from unittest.mock import patch

from minio import crypto

_ROUNDS = 8192
_PBKDF2_AES_GCM = b"\x02"
_KIND = slice(32, 33)


def _key(secret: bytes, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", secret, salt, _ROUNDS)


# The package's own, with another way to a key.
_encrypt: Callable[[bytes, str], bytes] = FunctionType(
    crypto.encrypt.__code__, {**vars(crypto), "_generate_key": _key}
)


def sealed(payload: bytes, password: str) -> bytes:
    """A body as such a client sends it.

    Args:
        payload: what it says.
        password: the secret key of who sends it.
    """
    body = bytearray(_encrypt(payload, password))
    body[_KIND] = _PBKDF2_AES_GCM
    return bytes(body)


@contextlib.contextmanager
def cheap_bodies() -> Iterator[None]:
    """Whatever the minio package sends meanwhile in this process is encrypted so."""
    with patch("minio.minioadmin.encrypt", sealed):
        yield
