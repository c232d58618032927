"""What a Secret holds that has access to another's bucket: its user, and nothing of the bucket."""

from __future__ import annotations

from collections.abc import Mapping

from backends.errors import TimedOut
from hooks.contract.access import Given, Shares
from hooks.contract.derived import former_users
from hooks.contract.grant import Grant
from hooks.contract.outcome import Refusal
from hooks.tenancy.standing import Thing
from hooks.tenancy.takeover import Takeover


class Guest(Takeover):
    """Decides about the user; see :class:`hooks.tenancy.takeover.Takeover`."""

    @property
    def given(self) -> Given | None:
        """The access that the Secret's user was given; None if it wasn't, or another user was."""
        grant = self.held.grant
        if grant is None or grant.user != self.claim.user:
            return None
        return grant.shares.given.get(self.claim.bucket)

    async def having(self, given: Mapping[str, Given]) -> Grant | None:
        """What the Secret holds from now on; None leaves it as it was.

        That is so where the Kubernetes API can't be asked, or not in time.

        Args:
            given: the access that it has, by bucket.
        """
        try:
            had = self.holding(Thing.USER)
            user = self._known(Thing.USER, had) or await self._holding_now(Thing.USER)
        except (Refusal, TimedOut):
            return None
        pair = self._pair
        return Grant(
            self.claim.user,
            user,
            {},
            None if pair is None else pair.since,
            "" if pair is None else pair.key,
            former_users(self.held.grant, self.claim.user),
            shares=Shares(given),
        )
