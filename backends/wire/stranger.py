"""Whether a store knows an access key, by how it refuses a wrong secret for it.

Root and other accounts that stand in no list are told from unknown ones by that alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from backends.base import Answer, Credentials, Gap
from backends.wire.codes import Codes
from backends.wire.sensitive import Sensitive

# The signature is checked before the bucket is looked for.
ANY_BUCKET = "any-bucket"


async def is_known(
    name: str, ask: Callable[[str, Credentials], Awaitable[Answer]], codes: Codes
) -> bool:
    """Whether the store tells a wrong secret from an unknown access key.

    Args:
        name: the access key.
        ask: sends a request about a bucket, signed with a key pair.
        codes: what its answer means.

    Raises:
        StoreError: it says neither.
    """
    answer = await ask(ANY_BUCKET, Credentials(name, Sensitive(secrets.token_hex(16))))
    if not answer.ok:
        gap = codes.gap(answer)
        if gap in {Gap.NO_USER, Gap.WRONG_SECRET}:
            return gap is Gap.WRONG_SECRET
    raise codes.error(answer, admin=False)
