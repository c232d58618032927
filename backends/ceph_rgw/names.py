"""What can't be an access key or a secret on Ceph RGW, though it is well formed.

A user's name is its access key here. The gateway takes each of these and then means something
else by it, or never accepts it. Seen with Ceph 16.2.15.
"""

from __future__ import annotations

import re

from backends.base import Claim
from backends.errors import Unsupported

_TENANT = "$"
_SUBUSER = ":"
# What is left of the printable characters without quotes, and those that end a part of a header.
_NAME = re.compile(r"[!#%&'()*+.0-9;<=>?@A-Z\[\]^_`a-z{|}~-]+")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")
# The gateway's own name for who sends no signature.
_NOBODY = "anonymous"


def require_usable(claim: Claim) -> None:
    """Returns if the gateway can have such a user, with such a secret.

    Raises:
        Unsupported: it can't; the message says why, and nothing of the secret.
    """
    name = claim.user
    if _TENANT in name:
        why = "$ in it names a tenant"
    elif _SUBUSER in name:
        why = ": in it names a subuser"
    elif name == _NOBODY:
        why = "it is the name for requests without a signature"
    elif not _NAME.fullmatch(name):
        why = "it may have none of / , \\ and quotes, no spaces, and only ASCII characters"
    elif not is_usable_secret(claim):
        raise Unsupported(
            "Ceph RGW never accepts a secret with other than printable ASCII characters: set "
            "another secret in the Secret."
        )
    else:
        return
    raise Unsupported(f"The access key can't be one on Ceph RGW, {why}: choose another.")


def is_usable_secret(claim: Claim) -> bool:
    """Whether the gateway can ever accept a signature with the claim's secret.

    It answers AccessDenied otherwise, which means something else where the secret is right.
    """
    return _PRINTABLE.fullmatch(claim.secret.reveal()) is not None
