"""What may be taken over that no Secret holds."""

from __future__ import annotations

from enum import StrEnum


class Adoption(StrEnum):
    """ADOPTION: what may be taken over that no Secret holds.

    ``any``: everything. ``own-names``: everything whose name a pattern keeps for the Secret's
    namespace, and of the rest what ``unowned`` allows. ``unowned``: a bucket whose owner is gone
    from the store. ``never``: nothing.
    """

    ANY = "any"
    OWN_NAMES = "own-names"
    UNOWNED = "unowned"
    NEVER = "never"
