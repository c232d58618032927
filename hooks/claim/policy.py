"""What the namespaces may ask for: BUCKET_NAME_PATTERN, ACCESS_KEY_PATTERN and POLICY_FILE.

Both patterns hold for every namespace, and the file's rules (see :mod:`hooks.claim.policyfile`) on
top of them. They only ever narrow what the other settings allow; a rule's adoption alone takes the
place of a setting.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.base import Claim
from backends.wire.watched import WatchedFile
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import Pattern, shown_ranges
from hooks.claim.policyfile import DELETIONS, SIZE_LIMIT, Deletion, PolicyError, Rule, parse

log = logging.getLogger(__name__)

_TOLD = 10


@dataclass(frozen=True, slots=True)
class Forbidden:
    """What a claim asks for in vain.

    Args:
        field: the Secret's field; empty if it is the namespace.
        problem: the rest of the sentence; names nothing but the rule, and what it allows this
            namespace.
    """

    field: str
    problem: str


class Policy:
    """Decides for one namespace at a time; safe to use from many threads, and never waits.

    Args:
        buckets: patterns for the buckets of all namespaces; none allows every name.
        access_keys: the same for users.
        file: the rules; without them every namespace may ask for what the settings allow.
        rules: those of a file that is not looked at again.
    """

    def __init__(
        self,
        buckets: Sequence[Pattern] = (),
        access_keys: Sequence[Pattern] = (),
        file: PolicyFile | None = None,
        *,
        rules: tuple[Rule, ...] | None = None,
    ) -> None:
        self._buckets = tuple(buckets)
        self._access_keys = tuple(access_keys)
        self._standing = rules
        self.file = file

    def __repr__(self) -> str:
        path = self.file and self.file.path
        return f"Policy({self._buckets!r}, {self._access_keys!r}, {path!r})"

    def standing(self) -> Policy:
        """The policy as it is now: what becomes of the file later doesn't change it."""
        if self.file is None:
            return self
        return Policy(self._buckets, self._access_keys, rules=self.file.rules)

    def forbids(self, namespace: str, claim: Claim, *, chosen: bool = True) -> Forbidden | None:
        """The first thing that the namespace may not ask for, None if it may ask for all.

        A bucket that stays another's is not asked for: whose it is decides, see
        :mod:`hooks.tenancy.consent`.

        Args:
            namespace: where it is asked for.
            claim: what is.
            chosen: whether somebody has chosen the access key; one that is generated is bound to
                its namespace without any pattern.
        """
        for field, name, patterns, setting in (
            ("bucket", claim.bucket, self._buckets, "BUCKET_NAME_PATTERN"),
            ("access-key", claim.user, self._access_keys, "ACCESS_KEY_PATTERN"),
        ):
            if field == "access-key" and not chosen:
                continue
            if field == "bucket" and claim.access is not None:
                continue
            if patterns and not _match(patterns, name, namespace):
                return Forbidden(
                    field, f"is not allowed by {setting}: {_shown(patterns, namespace)}"
                )
        rules = self._rules()
        if rules is None:
            return None
        rule = _rule(rules, namespace)
        if rule is None:
            return Forbidden("", "No rule of the operator's policy is for this namespace")
        return _forbidden(rule, namespace, claim, chosen=chosen)

    def keeps_bucket(self, namespace: str, name: str) -> bool:
        """Whether a pattern keeps a bucket's name for this namespace."""
        return self._keeps(namespace, name, self._buckets, lambda rule: rule.buckets)

    def keeps_access_key(self, namespace: str, name: str) -> bool:
        """The same for a user's name."""
        return self._keeps(namespace, name, self._access_keys, lambda rule: rule.access_keys)

    def may_have_bucket(self, namespace: str, name: str) -> bool:
        """Whether a Secret there may name a bucket."""
        return self._may_have(namespace, name, self._buckets, lambda rule: rule.buckets)

    def may_have_access_key(self, namespace: str, name: str) -> bool:
        """Whether a Secret there may name a user."""
        return self._may_have(namespace, name, self._access_keys, lambda rule: rule.access_keys)

    def _may_have(
        self,
        namespace: str,
        name: str,
        patterns: Sequence[Pattern],
        of: Callable[[Rule], Sequence[Pattern] | None],
    ) -> bool:
        if patterns and not _match(patterns, name, namespace):
            return False
        rules = self._rules()
        if rules is None:
            return True
        rule = _rule(rules, namespace)
        if rule is None:
            return False
        allowed = of(rule)
        return allowed is None or _match(allowed, name, namespace)

    def _keeps(
        self,
        namespace: str,
        name: str,
        patterns: Sequence[Pattern],
        of: Callable[[Rule], Sequence[Pattern] | None],
    ) -> bool:
        """A pattern keeps a name for the one namespace that can have it by that pattern.

        One fixed name does in a rule for one fixed namespace: for stores whose names have no dot.
        """
        rule = _rule(self._rules() or (), namespace)
        ruled = tuple((rule and of(rule)) or ())
        alone = rule is not None and len(rule.namespaces) == 1 and rule.namespaces[0].is_one_name
        return any(
            pattern.allows(name, namespace)
            and (
                pattern.is_of_one_namespace or (pattern.is_one_name and alone and pattern in ruled)
            )
            for pattern in (*patterns, *ruled)
        )

    def adoption_for(self, namespace: str) -> Adoption | None:
        """What takes the place of ADOPTION there; None if nothing does."""
        rules = self._rules()
        if rules is None:
            return None
        rule = _rule(rules, namespace)
        return rule.adoption if rule else Adoption.NEVER

    def deletion_allowed(self, namespace: str, policy: str) -> bool:
        """Whether a Secret there may name a deletion policy; any may name ``retain``."""
        rules = self._rules()
        if policy == Deletion.RETAIN or rules is None:
            return policy in DELETIONS
        rule = _rule(rules, namespace)
        if rule is None:
            return False
        return policy in (DELETIONS if rule.deletion is None else rule.deletion)

    def forbids_marks(
        self, namespace: str, labels: Collection[str], annotations: Collection[str]
    ) -> Forbidden | None:
        """The first of the keys that a connection Secret there may not have; None if it may.

        Args:
            namespace: the Secret's.
            labels: keys of labels.
            annotations: keys of annotations.
        """
        if not labels and not annotations:
            return None
        rule = _rule(self._rules() or (), namespace)
        if rule is None:
            return None
        for field, keys, patterns in (
            ("connection-labels", labels, rule.connection_labels),
            ("connection-annotations", annotations, rule.connection_annotations),
        ):
            for key in keys if patterns is not None else ():
                if not _match(patterns or (), key, namespace):
                    by = f"is not allowed by rule {rule.name} of the operator's policy"
                    return Forbidden(field, f"{by}: {_shown(patterns or (), namespace)}")
        return None

    def forbids_setting(
        self, namespace: str, setting: str, *, needs_leave: bool
    ) -> Forbidden | None:
        """Whether a Secret there may not name a bucket's setting; None if it may.

        Args:
            namespace: the Secret's.
            setting: the setting's word.
            needs_leave: whether it takes a rule that names it, where there are rules.
        """
        rule = _rule(self._rules() or (), namespace)
        if rule is None or setting in (rule.settings or ()):
            return None
        if rule.settings is None and not needs_leave:
            return None
        allowed = f": {', '.join(rule.settings)}" if rule.settings else ""
        by = f"is not among the settings of rule {rule.name} of the operator's policy"
        return Forbidden(setting, f"{by}{allowed}")

    def _rules(self) -> tuple[Rule, ...] | None:
        return self._standing if self.file is None else self.file.rules


class PolicyFile(WatchedFile[tuple[Rule, ...]]):
    """The rules of a file that may change, as a mounted ConfigMap does; see `WatchedFile`.

    Args:
        path: the file, or a symbolic link to it.
        clock: seconds, from whenever.

    Raises:
        PolicyError: it can't be used.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        try:
            super().__init__(path, "The policy file", _load, limit=SIZE_LIMIT, clock=clock)
        except (OSError, ValueError) as error:
            raise PolicyError(_mistakes(error)) from None

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules in force."""
        return self.value

    def _tell_broken(self, error: OSError | ValueError) -> None:
        mistakes = _mistakes(error)
        more = len(mistakes) - _TOLD
        log.error(
            "The policy file can't be used, the rules so far stay in force: %s%s",
            "; ".join(mistakes[:_TOLD]),
            f"; and {more} more" if more > 0 else "",
        )

    def _tell_changed(self) -> None:
        log.info("The policy file has changed: %d rules are in force.", len(self.rules))


def _mistakes(error: OSError | ValueError) -> list[str]:
    if isinstance(error, PolicyError):
        return error.mistakes
    return [f"can't be read ({error.strerror})" if isinstance(error, OSError) else str(error)]


def _load(content: bytes) -> tuple[Rule, ...]:
    try:
        text = content.decode()
    except ValueError:
        raise PolicyError(["is not UTF-8 text"]) from None
    return parse(text)


def _rule(rules: tuple[Rule, ...], namespace: str) -> Rule | None:
    return next((rule for rule in rules if rule.is_for(namespace)), None)


def _forbidden(rule: Rule, namespace: str, claim: Claim, *, chosen: bool) -> Forbidden | None:
    by = f"is not allowed by rule {rule.name} of the operator's policy"
    for field, name, patterns in (
        ("bucket", claim.bucket, rule.buckets if claim.access is None else None),
        ("access-key", claim.user, rule.access_keys if chosen else None),
    ):
        if patterns is not None and not _match(patterns, name, namespace):
            return Forbidden(field, f"{by}: {_shown(patterns, namespace)}")
    if rule.roles is not None and claim.role is not None and claim.role not in rule.roles:
        return Forbidden("role", f"{by}: {', '.join(rule.roles)}")
    for field, number, ranges in (
        ("user-id", claim.user_id, rule.user_ids),
        ("group-id", claim.group_id, rule.group_ids),
    ):
        if ranges is None or number is None or any(number in ids for ids in ranges):
            continue
        return Forbidden(field, f"{by}: {shown_ranges(ranges)}")
    return None


def _match(patterns: Sequence[Pattern], name: str, namespace: str) -> bool:
    return any(pattern.allows(name, namespace) for pattern in patterns)


def _shown(patterns: Sequence[Pattern], namespace: str) -> str:
    return ", ".join(pattern.shown(namespace) for pattern in patterns)
