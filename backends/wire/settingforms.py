"""The documents of a bucket's settings: their shapes, and the one form in which they are compared.

A store may answer otherwise than it was told and mean the same: rules in another order, a filter
that is written as one with nothing in it, an id of its own. In the form here these are alike, and
whatever differs in it is another setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.bucketsettings import Document, Rule, canonical
from backends.wire.shapes import Day, Flag, List, Number, ShapeError, Text, day, struct

_WORD = Text(longest=255)
MOST_DAYS = 36_500
"""The most days of a lifecycle rule, or of a retention: a hundred years.

S3 takes 2**31 - 1, which some stores can't count with: for MinIO (2026-02-12) 106,751 days are over
at once, and it deletes every object; Ceph RGW (16.2.15) tells a date in the past for 200,000.
"""
_DAYS = Number(1, MOST_DAYS)
_TAG = struct("Key", "Value", Key=Text(longest=128), Value=Text(longest=256))
_SIZES: Mapping[str, Any] = {
    "ObjectSizeGreaterThan": Number(0, 2**63 - 1),
    "ObjectSizeLessThan": Number(1, 2**63 - 1),
}
_FILTER = struct(
    Prefix=Text(),
    Tag=_TAG,
    **_SIZES,
    And=struct(Prefix=Text(), Tags=("Tag", List(_TAG)), **_SIZES),
)
LIFECYCLE = struct(
    "Rules",
    Rules=(
        "Rule",
        List(
            struct(
                "Status",
                ID=_WORD,
                Prefix=Text(),
                Filter=_FILTER,
                Status=Text(("Enabled", "Disabled")),
                Expiration=struct(Date=Day(), Days=_DAYS, ExpiredObjectDeleteMarker=Flag()),
                Transitions=(
                    "Transition",
                    List(
                        struct(
                            "StorageClass",
                            Date=Day(),
                            Days=Number(0, MOST_DAYS),
                            StorageClass=_WORD,
                        )
                    ),
                ),
                NoncurrentVersionTransitions=(
                    "NoncurrentVersionTransition",
                    List(
                        struct(
                            "StorageClass",
                            NoncurrentDays=_DAYS,
                            NewerNoncurrentVersions=Number(),
                            StorageClass=_WORD,
                        )
                    ),
                ),
                NoncurrentVersionExpiration=struct(
                    NoncurrentDays=_DAYS, NewerNoncurrentVersions=Number()
                ),
                AbortIncompleteMultipartUpload=struct(
                    "DaysAfterInitiation", DaysAfterInitiation=_DAYS
                ),
            )
        ),
    ),
)
CORS = struct(
    "CORSRules",
    CORSRules=(
        "CORSRule",
        List(
            struct(
                "AllowedMethods",
                "AllowedOrigins",
                ID=_WORD,
                AllowedHeaders=("AllowedHeader", List(Text())),
                AllowedMethods=(
                    "AllowedMethod",
                    List(Text(("GET", "PUT", "POST", "DELETE", "HEAD"))),
                ),
                AllowedOrigins=("AllowedOrigin", List(Text())),
                ExposeHeaders=("ExposeHeader", List(Text())),
                MaxAgeSeconds=Number(0),
            ),
            most=100,
        ),
    ),
)
TAGGING = struct("TagSet", TagSet=struct(Tags=("Tag", List(_TAG, most=50))))
LOCK = struct(
    "ObjectLockEnabled",
    ObjectLockEnabled=Text(("Enabled",)),
    Rule=struct(
        DefaultRetention=struct(
            "Mode",
            Mode=Text(("GOVERNANCE", "COMPLIANCE")),
            Days=Number(0, MOST_DAYS),
            Years=Number(0, 100),
        )
    ),
)

_ACTIONS = (
    "Expiration",
    "Transitions",
    "NoncurrentVersionTransitions",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
)


def lifecycle(document: Document) -> Document:
    """Lifecycle rules in the one form: each with an id and a filter, sorted by id."""
    rules = [_rule(rule, number) for number, rule in enumerate(document["Rules"], 1)]
    return {"Rules": sorted(rules, key=canonical)}


def check_lifecycle(document: Document) -> None:
    """What a shape can't say of lifecycle rules.

    Raises:
        ShapeError: a rule does nothing, says something twice, or two have one id.
    """
    ids = set()
    for number, rule in enumerate(document["Rules"]):
        place = f"Rules[{number}]"
        if "Prefix" in rule and "Filter" in rule:
            raise ShapeError(place, "has both Prefix and Filter: leave Prefix out")
        if not any(action in rule for action in _ACTIONS):
            raise ShapeError(place, f"does nothing: it needs one of {', '.join(_ACTIONS)}")
        _check_filter(rule.get("Filter", {}), f"{place}.Filter")
        for name in ("Expiration", "NoncurrentVersionExpiration"):
            if rule.get(name) == {}:
                raise ShapeError(f"{place}.{name}", "says nothing")
        if len(rule.get("Expiration", {})) > 1:
            raise ShapeError(
                f"{place}.Expiration",
                "must have one of Date, Days and ExpiredObjectDeleteMarker",
            )
        found = rule.get("ID", f"rule-{number + 1}")
        if found in ids:
            raise ShapeError(place, "has the ID of another rule")
        ids.add(found)


def rule_parts(document: Document) -> frozenset[Rule]:
    """What a store must be able to do so that rules of the one form mean what they say."""
    parts: set[Rule] = set()
    for rule in document["Rules"]:
        expiration = rule.get("Expiration", {})
        noncurrent = rule.get("NoncurrentVersionExpiration", {})
        meant = {
            Rule.DATE: "Date" in expiration,
            Rule.DELETE_MARKER: "ExpiredObjectDeleteMarker" in expiration,
            Rule.TAG: bool(rule["Filter"]["Tags"]),
            Rule.SIZE: bool(rule["Filter"].keys() & _SIZES.keys()),
            Rule.ABORT: "AbortIncompleteMultipartUpload" in rule,
            Rule.NONCURRENT: bool(noncurrent),
            Rule.NONCURRENT_COUNT: "NewerNoncurrentVersions" in noncurrent,
            Rule.TRANSITION: "Transitions" in rule or "NoncurrentVersionTransitions" in rule,
        }
        parts |= {part for part, is_meant in meant.items() if is_meant}
    return frozenset(parts)


def sent_lifecycle(document: Document) -> Document:
    """Lifecycle rules of the one form as S3 takes them.

    Always with a filter: some stores drop the older Prefix of a rule in silence, and the rule is
    about every object then (Garage 2.5.0).
    """
    return {
        "Rules": [{**rule, "Filter": _sent_filter(rule["Filter"])} for rule in document["Rules"]]
    }


def cors(document: Document) -> Document:
    """CORS rules in the one form: their order counts, that of what stands in them doesn't."""
    rules = []
    for rule in document["CORSRules"]:
        form = {
            name: sorted(set(rule[name]), key=str.lower)
            for name in ("AllowedHeaders", "AllowedMethods", "AllowedOrigins", "ExposeHeaders")
            if rule.get(name)
        }
        if rule.get("MaxAgeSeconds"):
            form["MaxAgeSeconds"] = rule["MaxAgeSeconds"]
        # An id does nothing, and some stores keep none.
        rules.append(form)
    return {"CORSRules": rules}


def tags(tagging: Document) -> Document:
    """Tags as a mapping."""
    return {tag["Key"]: tag["Value"] for tag in tagging["TagSet"].get("Tags", [])}


def sent_tags(document: Document) -> Document:
    """A mapping of tags as S3 takes them."""
    found = [{"Key": key, "Value": value} for key, value in sorted(document.items())]
    return {"TagSet": {"Tags": found}}


def retention(lock: Document) -> Document | None:
    """An object lock's default retention, ``{"mode": …, "days" or "years": …}``; None for none."""
    found = lock.get("Rule", {}).get("DefaultRetention")
    if not found:
        return None
    # Some stores answer the unit that isn't used too, as 0 (Ceph 16.2.15).
    unit = "Days" if found.get("Days") else "Years"
    return {"mode": found.get("Mode", "").lower(), unit.lower(): found.get(unit, 0)}


def sent_lock(document: Document | None) -> Document:
    """An object lock with a default retention, or with none, as S3 takes it."""
    sent: dict[str, Any] = {"ObjectLockEnabled": "Enabled"}
    if document:
        unit = "days" if "days" in document else "years"
        found = {"Mode": document["mode"].upper(), unit.capitalize(): document[unit]}
        sent["Rule"] = {"DefaultRetention": found}
    return sent


def _rule(rule: Mapping[str, Any], number: int) -> Document:
    form = {name: rule[name] for name in _ACTIONS if rule.get(name)}
    form["ID"] = rule.get("ID") or f"rule-{number}"
    form["Status"] = rule["Status"]
    form["Filter"] = _filter(rule)
    for name in ("Transitions", "NoncurrentVersionTransitions"):
        if name in form:
            form[name] = sorted(map(_dated, form[name]), key=canonical)
    if expiration := form.get("Expiration"):
        form["Expiration"] = _dated(expiration)
        if expiration.get("ExpiredObjectDeleteMarker") is False:
            form["Expiration"].pop("ExpiredObjectDeleteMarker")
    return form


def _dated(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "Date": day(part["Date"])} if "Date" in part else dict(part)


def _filter(rule: Mapping[str, Any]) -> dict[str, Any]:
    """All conditions side by side."""
    found = rule.get("Filter", {})
    both = found.get("And", {})
    tags_ = [*both.get("Tags", []), *([found["Tag"]] if "Tag" in found else [])]
    form = {
        "Prefix": rule.get("Prefix") or found.get("Prefix") or both.get("Prefix") or "",
        "Tags": sorted(tags_, key=canonical),
    }
    for name in _SIZES:
        if name in found or name in both:
            form[name] = found.get(name, both.get(name))
    return form


def _check_filter(found: Mapping[str, Any], place: str) -> None:
    if len(found) > 1:
        raise ShapeError(place, "has several conditions: they go into And")
    both = found.get("And")
    if both is None:
        return
    keys = [tag["Key"] for tag in both.get("Tags", [])]
    if len(set(keys)) != len(keys):
        raise ShapeError(f"{place}.And", "has a tag twice")
    if len(keys) + len(both.keys() - {"Tags"}) < 2:
        raise ShapeError(f"{place}.And", "needs two conditions")


def _sent_filter(form: Mapping[str, Any]) -> Document:
    sizes = {name: form[name] for name in _SIZES if name in form}
    prefix = {"Prefix": form["Prefix"]} if form["Prefix"] else {}
    number = len(form["Tags"]) + len(sizes) + len(prefix)
    if number == 0:
        return {"Prefix": ""}
    if number == 1:
        return {**prefix, **sizes, **({"Tag": form["Tags"][0]} if form["Tags"] else {})}
    both = {**prefix, **sizes}
    return {"And": {**both, "Tags": form["Tags"]} if form["Tags"] else both}
