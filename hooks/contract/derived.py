"""Generated credentials: derived from SIGNING_KEY instead of stored.

The same Secret and second always come to the same pair, so a crash between two steps, a lost
answer, a second replica, a Secret made again and a restored backup need no state to agree.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass

from backends.wire.sensitive import Sensitive
from hooks.contract.grant import STORE, Grant

_SALT = b"s3-resource-operator generated credentials v1"
_encode = json.JSONEncoder(separators=(",", ":")).encode
# Garage's own form, which every other store takes too: letters and digits only.
_ID_BYTES = 12
_SECRET_BYTES = 32
# A rotation leaves one behind at a time.
_MOST_LEFT = 4
_ACCESS_KEY = re.compile(r"GK[0-9a-f]{24}")


@dataclass(frozen=True, slots=True)
class Pair:
    """One generated pair.

    Args:
        access_key: ``GK`` and 24 hex digits.
        secret: 64 hex digits.
        since: the second that it is bound to, in Unix time; 0 is that of a pair never rotated.
        key: which signing key made it, see :meth:`Derivation.keys`.
    """

    access_key: str
    secret: Sensitive
    since: int
    key: str


class Derivation:
    """Makes pairs.

    Args:
        keys: SIGNING_KEY, one or several: the first makes new pairs, the others those that they
            made before.
        renames: whether the access key changes with the secret, for a store that can't change an
            existing one's.
        store: the store's name, as grants have it.
    """

    def __init__(self, *keys: Sensitive, renames: bool, store: str = STORE) -> None:
        self._material = {_name(key): key.reveal().encode() for key in keys}
        self._renames = renames
        self._store = store

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the signing keys in their order; a name tells nothing about its key."""
        return tuple(self._material)

    def pair(self, namespace: str, name: str, since: int, key: str = "") -> Pair:
        """A Secret's pair of one second.

        Args:
            namespace: the Secret's.
            name: the Secret's.
            since: the second.
            key: the signing key's name, one of :attr:`keys`; empty for the first.
        """
        key = key or self.keys[0]
        material = self._material[key]
        of_user = since if self._renames else 0
        place = (self._store, namespace, name)
        access_key = hkdf(material, _SALT, _info("access-key", *place, of_user), _ID_BYTES)
        secret = hkdf(material, _SALT, _info("secret", *place, since), _SECRET_BYTES)
        return Pair(f"GK{access_key.hex()}", Sensitive(secret.hex()), since, key)


def is_generated(access_key: str) -> bool:
    """Whether an access key has the form of generated ones; anybody can choose such a name."""
    return bool(_ACCESS_KEY.fullmatch(access_key))


def former_users(grant: Grant | None, user: str) -> tuple[str, ...]:
    """Users of generated credentials that are to go, once nobody needs them any more.

    Every grant that takes another's place lists them: what no grant lists is removed by nobody.

    Args:
        grant: what the Secret was given before.
        user: the one that it has from now on.
    """
    if grant is None:
        return ()
    gone = [*grant.former]
    if grant.since is not None and grant.holding.alone:
        gone.append(grant.user)
    if not gone:
        return ()
    # Each once, in their order.
    return tuple(former for former in dict.fromkeys(gone) if former != user)


def left_users(held: Grant | None, unverified: Grant | None, user: str) -> tuple[str, ...]:
    """Users that may be left on the store, though nothing proves whose they are.

    The key that signed their grant is gone, so the grant may as well be made up: they are told of,
    and never removed.

    Args:
        held: what the Secret's own grant proves, with those that were told of before.
        unverified: what its grant says where no key verifies it.
        user: the one that it has from now on.
    """
    if held is not None:
        return held.left
    if unverified is None or unverified.since is None:
        return ()
    named = dict.fromkeys((unverified.user, *unverified.former))
    found = [name for name in named if is_generated(name) and name != user]
    return tuple(found[:_MOST_LEFT])


def hkdf(material: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256 as RFC 5869 has it: extract, then expand.

    Args:
        material: the secret that all is derived from.
        salt: sets this use apart from others of the same material.
        info: what the output is bound to.
        length: bytes of it, at most 255 times 32.
    """
    extracted = hmac.digest(salt or bytes(hashlib.sha256().digest_size), material, "sha256")
    output = block = b""
    counter = 0
    while len(output) < length:
        counter += 1
        block = hmac.digest(extracted, block + info + bytes([counter]), "sha256")
        output += block
    return output[:length]


def _info(what: str, store: str, namespace: str, name: str, since: int) -> bytes:
    # A JSON list, so that no two tuples of fields have the same bytes.
    return _encode([what, store, namespace, name, since]).encode()


def _name(key: Sensitive) -> str:
    return hkdf(key.reveal().encode(), _SALT, b"name of the signing key", 6).hex()
