"""What can't be a name or a secret on RustFS, though it is well formed.

RustFS 1.0.1 takes more access keys than these, but a user's name is a folder there and stands in
the signature's header, and it calls some of these mistakes its own internal errors.

Of an access key that ends in ``.json`` it forgets what is attached to it, at every start and every
other minute, until the user comes by: it looks for that in a file of the name without the ending.
Meanwhile the user's bucket is nobody's.
"""

from __future__ import annotations

import re

from backends.base import Claim
from backends.errors import Unsupported

# With a letter or digit, since names are folders there.
_NAME = re.compile(r"(?=[._-]*[A-Za-z0-9])[A-Za-z0-9._-]{3,128}")
_FORGOTTEN = ".json"
_SECRET = range(8, 2001)
# RustFS's own word, and what answers at a bucket's address whoever asks.
_OWN = frozenset(
    {
        "rustfs",
        "health",
        "favicon.ico",
        "apple-touch-icon.png",
        "apple-touch-icon-precomposed.png",
    }
)
_PUNYCODE = "xn--"


def require_bucket(name: str) -> None:
    """Returns if there can be a bucket of that name.

    Raises:
        Unsupported: there can't.
    """
    if name in _OWN or name.startswith(_PUNYCODE):
        raise Unsupported(
            f"RustFS keeps the name {name} for itself, so no bucket can have it: choose another."
        )


def require_usable(claim: Claim) -> None:
    """Returns if there can be such a user, with such a secret.

    Raises:
        Unsupported: there can't; the message says why, and nothing of the secret.
    """
    if not is_usable_key(claim.user):
        raise Unsupported(
            "An access key has 3 to 128 letters, digits and - _ . on RustFS, and at least one "
            "letter or digit, and doesn't end in .json: choose another."
        )
    if not is_usable_secret(claim):
        raise Unsupported(
            "A secret has 8 to 2000 bytes on RustFS: set another secret in the Secret."
        )


def is_usable_key(name: str) -> bool:
    """Whether a user can have this access key, and be let in with it at any time."""
    return may_be_there(name) and not name.endswith(_FORGOTTEN)


def may_be_there(name: str) -> bool:
    """Whether an administrator may have made a user of this name, so that it has to be asked."""
    return _NAME.fullmatch(name) is not None


def is_usable_secret(claim: Claim) -> bool:
    """Whether a user can have the claim's secret."""
    return len(claim.secret.reveal().encode()) in _SECRET
