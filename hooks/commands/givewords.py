"""What the `grant` command says: what is so, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from backends.base import Claim, Gap
from hooks.commands.prospect import Claimant, View
from hooks.contract.outcome import Reason
from hooks.tenancy.standing import Thing


def told(claim: Claim, view: View) -> list[str]:
    """What the store says, in words."""
    if view.user is None:
        user = "does not exist"
    elif view.user.uncertain:
        user = "is known and stands in no list: an administrator's, or deleted a moment ago"
    else:
        words = [
            word
            for word, true in (
                ("an administrator's", view.user.admin),
                ("allowed any tenant's buckets by its policies", view.user.broad),
                ("disabled", view.user.disabled),
            )
            if true
        ]
        user = f"exists{', and is ' if words else ''}{' and '.join(words)}"
    if view.bucket is None:
        bucket = "does not exist"
    elif not view.bucket.owners:
        bucket = "exists and is nobody's"
    else:
        bucket = f"is owned by {', '.join(sorted(view.bucket.owners))}"
    return [
        f"the bucket {claim.bucket} {bucket}",
        f"the user {claim.user} {user}",
        f"the Secret's own credentials are answered with: {view.probe.gap.value}",
    ]


def says(claimant: Claimant) -> str:
    """One other Secret, in words."""
    thing = f"the {claimant.thing.value}"
    beside = "" if claimant.rival else ", with the same access key and secret"
    if claimant.holding is None:
        how = f"names {thing} without a grant, and the store says that it is its"
    else:
        since = datetime.fromtimestamp(claimant.holding.second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        how = f"holds {thing} since {since}, and names it"
    return f"{claimant.other.request.origin} {how}{beside}"


def follows(
    origin: str,
    claim: Claim,
    view: View,
    claimants: Sequence[Claimant],
    *,
    wiped: bool,
) -> list[str]:
    """What comes of it at the next syncs.

    Args:
        origin: the Secret that is given what it names.
        claim: what that is.
        view: what the store says.
        claimants: the other Secrets that have a word in it.
        wiped: whether the settings of a bucket that changes its owner are removed.
    """
    lines = []
    if view.user is None:
        whose = ", and the buckets that still name it are its" if view.remains else ""
        lines.append(f"the user {claim.user} is made{whose}")
    elif view.probe.gap is Gap.WRONG_SECRET:
        lines.append(
            f"the user {claim.user} gets this Secret's secret; the one that it has now is "
            "accepted no longer"
        )
    if view.bucket is None:
        lines.append(f"the bucket {claim.bucket} is made")
    elif not view.bucket.is_owned_by(claim.user):
        settings = "its policy and other settings are removed" if wiped else "its settings stay"
        lines.append(f"the bucket {claim.bucket} is {claim.user}'s; its objects stay, {settings}")
    for each in _losers(claimants):
        reason = Reason.BUCKET_CLAIMED if each.thing is Thing.BUCKET else Reason.ACCESS_KEY_CLAIMED
        lines.append(
            f"{each.other.request.origin} becomes {reason.status}/{reason} at its next sync "
            "after that"
        )
    return lines or [unchanged(origin)]


def unchanged(origin: str) -> str:
    """What comes of it where the Secret has everything as it is."""
    return f"nothing changes on the store: {origin} holds what it uses"


def _losers(claimants: Sequence[Claimant]) -> list[Claimant]:
    """One line for each Secret that loses something: its bucket's before its user's."""
    losers: dict[str, Claimant] = {}
    for each in claimants:
        if each.rival:
            losers.setdefault(each.other.request.origin, each)
    return list(losers.values())
