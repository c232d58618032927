"""Whether a store honours what a Secret says of its bucket's settings, before it is asked.

What a store takes and passes over in silence is worse than what it refuses: a rule that loses its
filter deletes what it shouldn't.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.base import Claim
from backends.bucketsettings import Document, Rule, SettingName, SettingSupport
from backends.errors import Unsupported
from backends.wire import policydocument as policies
from backends.wire.settingforms import rule_parts
from hooks.claim.bucketsettings import cors
from hooks.claim.fields import InvalidSecret
from hooks.contract.outcome import Reason


def check_settings(claim: Claim, support: SettingSupport, keys: Mapping[str, str]) -> None:
    """Looks at what the store can do.

    Args:
        claim: what a Secret asks for.
        support: the store's.
        keys: the key that each was read under.

    Raises:
        InvalidSecret: it can't do one of them, or not all of it.
    """
    for setting in claim.settings:
        key = keys.get(setting.name.value, setting.name.value)
        if setting.name not in support.names:
            instead = support.instead.get(setting.name, "")
            raise _unsupported(f"This store has no {setting.name} for a bucket", key, instead)
        if setting.name is SettingName.LIFECYCLE:
            _check_rules(setting.document, support, key)
        if setting.name is SettingName.CORS and support.first_origin_alone:
            _check_origins(setting.document, key)
        if setting.name is SettingName.RETENTION:
            _check_retention(setting.document, support, key)
        if setting.name is SettingName.TAGS and support.ascii_tags and not setting.text.isascii():
            raise _unsupported(
                "This store takes tags of ASCII letters alone", key, "", "others from "
            )
        if setting.name is SettingName.POLICY:
            _check_length(claim, support)
        if setting.name is SettingName.POLICY and not support.signed_principals:
            _check_for_everybody(setting.document, key)
        elif setting.name is SettingName.POLICY and support.principal:
            _check_principals(setting.document, support.principal, key)


def _check_rules(document: Document, support: SettingSupport, key: str) -> None:
    lacking = rule_parts(document) - support.rules
    for part in Rule:
        if part in lacking:
            instead = support.without_rule.get(part, "")
            raise _unsupported(
                f"This store passes {part.value} in a lifecycle rule over", key, instead, "it from "
            )


def _check_origins(document: Document, key: str) -> None:
    number = cors.hidden(document)
    if number is not None:
        raise InvalidSecret(
            Reason.NOT_SUPPORTED,
            f"This store looks at the first rule alone that names an origin, so CORSRules[{number}]"
            f" of {key} would not count for all of its origins: give all that an origin may do in "
            "the first rule that names it.",
        )


def _check_retention(document: Document, support: SettingSupport, key: str) -> None:
    days = document.get("days", document.get("years", 0) * 365)
    if days > support.retention_days:
        raise InvalidSecret(
            Reason.NOT_SUPPORTED,
            f"This store would keep nothing for so long: {key} can be {support.retention_days} "
            f"days or {support.retention_days // 365} years at most.",
        )


def _check_length(claim: Claim, support: SettingSupport) -> None:
    """What stands beside it on the bucket isn't known here, but for what the Secret itself adds."""
    bucket = max(claim.buckets, key=len)
    found = policies.placed(claim.policy, bucket)
    if claim.public:
        found.append(policies.public_read(bucket))
    try:
        policies.encoded(
            policies.replaced(None, lambda _: False, found) or {}, support.policy_bytes
        )
    except Unsupported as error:
        raise InvalidSecret(Reason.NOT_SUPPORTED, str(error)) from None


def _check_for_everybody(document: Document, key: str) -> None:
    for statement in document:
        if statement["Effect"] != "Allow" or statement["Principal"] != policies.EVERYBODY:
            raise InvalidSecret(
                Reason.NOT_SUPPORTED,
                f"A bucket policy of this store says nothing about users: {key} can only allow "
                'something to everybody ("Principal": "*").',
            )


def _check_principals(document: Document, form: str, key: str) -> None:
    beginning = form.removesuffix("NAME")
    for statement in document:
        for name in statement["Principal"]["AWS"]:
            # Where a name stands alone, an ARN is none.
            right = name.startswith(beginning) if beginning else not name.startswith("arn:")
            if name != "*" and not right:
                raise InvalidSecret(
                    Reason.NOT_SUPPORTED,
                    f"This store takes a principal that means nobody: in {key} name users as "
                    f"{form}.",
                )


def _unsupported(what: str, key: str, instead: str, part: str = "") -> InvalidSecret:
    way_out = f" {instead}" if instead else ""
    removed = f"{part}{key}" if part else f"{key} from the Secret"
    return InvalidSecret(Reason.NOT_SUPPORTED, f"{what}: remove {removed}.{way_out}")
