"""The grant that the `grant` command gives."""

from __future__ import annotations

from collections.abc import Sequence

from backends.base import Claim
from hooks.commands.prospect import Claimant, View
from hooks.contract.derived import Pair, former_users, left_users
from hooks.contract.grant import Grant, Held, Holding, Kind, Mark


def gift(
    claim: Claim,
    pair: Pair | None,
    held: Held,
    view: View,
    claimants: Sequence[Claimant],
    second: int,
    unverified: Grant | None = None,
) -> Grant:
    """What an administrator gives: newer than all others, whatever their clock was.

    It keeps what the Secret's own grant says of generated credentials: without that, a rotation
    would start from other ones, and the users of former ones would stay for ever.

    Args:
        claim: what the Secret names.
        pair: its generated credentials, None for given ones.
        held: what its own grants say.
        view: what the store says.
        claimants: the other Secrets that have a word in it.
        second: the Kubernetes API's time, in Unix time.
        unverified: what its own grant says where no key verifies it.
    """
    newest = max((each.holding.second for each in claimants if each.holding), default=0)
    second = max(second, newest + 1)
    owned = view.bucket is not None and view.bucket.is_owned_by(claim.user)
    mark = Mark.NONE if view.bucket is None or owned else Mark.GIVEN
    return Grant(
        claim.user,
        Holding(second, Kind.OWN),
        {claim.bucket: Holding(second, Kind.OWN, mark)},
        None if pair is None else pair.since,
        "" if pair is None else pair.key,
        former_users(held.grant, claim.user),
        left=left_users(held.grant, unverified, claim.user),
        signed=second,
    )
