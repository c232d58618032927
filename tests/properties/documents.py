"""Strategies: JSON of any kind, and Secrets and bodies that are almost what they should be."""

from __future__ import annotations

import base64
import json
import math
import re
from typing import Any

from hypothesis import strategies as some

from hooks.claim import fieldkeys as fields
from tests.support import PREFIX

CANARY = "Kanarienvogel"
"""Begins every credential."""

ACCESS_KEY_LETTERS = "abzABZ059_.@+:~-"
KEYS = [
    key
    for keys in (
        fields.BUCKET,
        fields.ACCESS_KEY,
        fields.SECRET,
        fields.ENDPOINT,
        fields.ROLE,
        fields.USER_ID,
        fields.GROUP_ID,
        fields.QUOTA_BYTES,
        fields.QUOTA_OBJECTS,
        fields.VERSIONING,
    )
    for key in keys
]
OURS = [
    PREFIX + name
    for name in (
        "enabled",
        "status",
        "reason",
        "message",
        "endpoint",
        "bucket",
        "user",
        "last-transition-time",
        "grant",
        "grants",
        "applied",
        "connection-secret",
        "connection-format",
        "connection-defaults",
        "deletion-policy",
        "keys",
    )
]

# Half a character is JSON, but no text; and Python reads numbers that JSON hasn't.
odd = some.sampled_from(["\ud800", "\x00", "\u2028", "", "NaN", "9" * 400, "ﬀ", "\U0001f511"])
text = some.one_of(some.text(max_size=12), odd)
scalars = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(),
    some.floats(),
    some.sampled_from([math.nan, math.inf]),
    text,
    some.sampled_from(["Secret", "v1", "true", "Secret.v1"]),
)
anything: some.SearchStrategy[Any] = some.recursive(
    scalars,
    lambda inner: some.one_of(
        some.lists(inner, max_size=3), some.dictionaries(text, inner, max_size=3)
    ),
    max_leaves=8,
)


# Stands for so many lists within lists, which nothing but the text of a document can hold.
deep = some.builds("<deep {}>".format, some.sampled_from([10, 300, 700, 900, 950, 980, 5000]))
_DEEP = re.compile(r'"<deep ([0-9]+)>"')


def encode(document: object) -> bytes:
    """A document's bytes."""

    def lists(match: re.Match[str]) -> str:
        return "[" * int(match[1]) + "]" * int(match[1])

    return _DEEP.sub(lists, json.dumps(document)).encode()


# Values as they stand in the Secret, not yet base64.
_secrets = some.one_of(
    some.builds(CANARY.__add__, some.text(max_size=20)),
    some.builds(
        lambda tail: CANARY + tail, some.sampled_from(["", "\n", "\r\n", "\x00", "x" * 2000])
    ),
)
_names = {
    fields.BUCKET: some.builds(
        "rotkehlchen{}".format, some.text("abz059.-", max_size=6) | some.just("..")
    ),
    fields.ACCESS_KEY: some.builds(
        "Rotkehlchen".__add__, some.text(ACCESS_KEY_LETTERS, max_size=6)
    ),
    fields.SECRET: _secrets,
    fields.ENDPOINT: some.one_of(
        some.sampled_from(["http://127.0.0.1:1", "HTTP://127.0.0.1:1/", "https://other.example"]),
        some.sampled_from(["127.0.0.1:1", "other.example", "word"]),
        some.builds("https://user:{}@host/".format, _secrets),
        some.builds("https://host/?{}".format, _secrets),
    ),
    fields.ROLE: some.sampled_from(["user", "userplus", "admin"]),
    fields.USER_ID: some.integers(-1, 2**31).map(str),
    fields.GROUP_ID: some.integers(-1, 2**31).map(str),
    fields.QUOTA_BYTES: some.integers(0, 2**64).map(str),
    fields.QUOTA_OBJECTS: some.integers(0, 2**64).map(str),
    fields.VERSIONING: some.sampled_from(["enabled", "suspended", "Enabled"]),
}


def _encoded(value: str) -> str:
    return base64.b64encode(value.encode(errors="replace")).decode()


@some.composite
def data(draw: some.DrawFn) -> dict[str, Any]:
    """A Secret's data: the required three, more of its fields, and mistakes."""
    found: dict[str, Any] = {}
    for keys, values in _names.items():
        required = keys in (fields.BUCKET, fields.ACCESS_KEY, fields.SECRET)
        if draw(some.integers(0, 19)) < (19 if required else 4):
            found[draw(some.sampled_from(keys))] = _encoded(draw(values))
    if draw(some.integers(0, 3)) == 0:
        # The secret under a wrong key, twice, or as no base64 at all.
        secret = draw(_secrets)
        raw = draw(some.sampled_from([_encoded(secret), secret, f"{secret}=="]))
        found[draw(some.sampled_from(KEYS))] = raw
    if draw(some.integers(0, 9)) == 0:
        found[draw(some.sampled_from(KEYS) | text)] = draw(scalars)
    return found


annotation_values = some.one_of(
    text,
    some.sampled_from(
        [
            *("true", "Ready", "Retrying", "Invalid", "Conflict", "Skipped", "Provisioned"),
            *("retain", "delete", "delete-user", "rclone", "s3cmd", "app"),
            *("2026-11-24T18:32:54Z", "0000-00-00T00:00:00Z", "9999-12-31T23:59:59Z"),
            *(
                "http://127.0.0.1:1",
                "https://other.example",
                "http://other.example",
                "v1.1." + "A" * 43,
            ),
            "v1.999999999999." + "_" * 43,
            *("bucket=BUCKET", "bucket=APP,secret=SECRET_KEY", "endpoint=endpoint-url,", "a=b"),
        ]
    ),
)


@some.composite
def annotated(draw: some.DrawFn) -> dict[str, Any]:
    """An enabled Secret's annotations, ours and others'."""
    found = draw(some.dictionaries(some.sampled_from(OURS), annotation_values, max_size=6))
    return {**found, OURS[0]: "true"}


@some.composite
def bodies(draw: some.DrawFn) -> dict[str, Any]:
    """What Metacontroller sends, some part of which may be anything."""
    metadata: dict[str, Any] = {
        "name": "claim",
        "namespace": draw(some.sampled_from(["team", "other", ""])),
        "uid": draw(some.sampled_from(["4a9f", ""])),
        "annotations": draw(annotated()),
    }
    if draw(some.integers(0, 4)) == 0:
        metadata["deletionTimestamp"] = "2026-11-24T18:32:54Z"
    body: dict[str, Any] = {
        "controller": {"kind": "DecoratorController"},
        "object": {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "data": draw(data()),
        },
        "attachments": draw(attachments),
        "related": {},
        "finalizing": draw(some.booleans()),
    }
    if draw(some.integers(0, 2)) == 0:
        _replace_somewhere(draw, body)
    return body


_attached = some.fixed_dictionaries(
    {
        "apiVersion": some.just("v1"),
        "kind": some.just("Secret"),
        "metadata": some.fixed_dictionaries(
            {"name": some.just("app")},
            optional={
                "namespace": some.just("team"),
                "labels": some.dictionaries(
                    some.just("app.kubernetes.io/managed-by") | text, text, max_size=2
                ),
                "annotations": some.dictionaries(
                    some.sampled_from(["metacontroller.k8s.io/last-applied-configuration", "a"]),
                    some.sampled_from(["{}", "[" * 5000, '{"data":{"a":1}}', "NaN", "x"]),
                    max_size=2,
                ),
            },
        ),
    },
    optional={
        "data": some.dictionaries(text, text | scalars | deep, max_size=2),
        "type": some.just("Opaque"),
    },
)
attachments: some.SearchStrategy[Any] = some.one_of(
    some.none(),
    some.just({}),
    some.just({"Secret.v1": {}}),
    some.fixed_dictionaries({"Secret.v1": some.fixed_dictionaries({"team/app": _attached})}),
)


def _replace_somewhere(draw: some.DrawFn, body: dict[str, Any]) -> None:
    """Puts anything in the place of any part."""
    node: Any = body
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        place = draw(some.sampled_from(places))
        inner = node[place]
        if isinstance(inner, dict | list) and inner and draw(some.integers(0, 5)):
            node = inner
            continue
        node[place] = draw(anything | deep)
        return


def is_name(key: str) -> bool:
    """Whether a field is told in annotations once it is provisioned."""
    return key in (*fields.BUCKET, *fields.ACCESS_KEY)
