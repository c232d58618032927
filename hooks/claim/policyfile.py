"""POLICY_FILE: which namespace may ask for what.

A YAML file of rules. The first whose `namespaces` match is the one for a Secret; a Secret of a
namespace without a rule is refused::

    rules:
      - name: platform                    # what refusals and logs call it
        namespaces: [platform, "ci-*"]    # globs
        adoption: any
      - name: teams
        namespaces: ["team-*"]
        buckets: ["{namespace}.*", "shared-*"]
        access-keys: ["{namespace}.*"]
        roles: [user]
        user-ids: [1000-1999, 3000]
        group-ids: [1000-1999]
        adoption: never
        deletion: [retain, delete-user]
        settings: [lifecycle, cors, tags]
        connection-labels: ["example.com/*"]
        connection-annotations: ["{namespace}.example.com/owner"]

`name` and `namespaces` are required. A key that is left out limits nothing:

buckets, access-keys
    Globs, `{namespace}` standing for the Secret's own namespace. A dot between it and the rest
    keeps namespaces apart, since they have none: `{namespace}-*` lets the namespace ``team``
    have the bucket ``team-a-logs``, which the namespace ``team-a`` may want.
roles, user-ids, group-ids
    What of ALLOWED_ROLES, ALLOWED_USER_IDS and ALLOWED_GROUP_IDS may be named there; they
    never allow more. A Secret that names none is not refused.
adoption
    ``any``, ``unowned`` or ``never``, in place of ADOPTION.
deletion
    The deletion policies that Secrets may name, of ``retain`` (always allowed), ``delete-user``
    and ``delete``. Nothing is deleted unless DELETION is on.
settings
    The settings of a bucket that Secrets may name. ``bucket-policy`` and ``public-access`` take a
    rule that names them, and ALLOW_PUBLIC_ACCESS.
connection-labels, connection-annotations
    Globs for the keys that Secrets may have set on their connection Secrets, `{namespace}`
    standing for the Secret's own namespace.

The file is read strictly: nothing in it is passed over or guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import yaml

from backends.bucketsettings import SettingName
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import Pattern, id_range, role
from hooks.claim.strictyaml import NUMBERS, TEXT, FileError, Nodes, compose, word

T = TypeVar("T")

SIZE_LIMIT = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,61}[A-Za-z0-9])?")
_REQUIRED = ("name", "namespaces")
_KEYS = (
    *_REQUIRED,
    "buckets",
    "access-keys",
    "roles",
    "user-ids",
    "group-ids",
    "adoption",
    "deletion",
    "settings",
    "connection-labels",
    "connection-annotations",
)


class Deletion(StrEnum):
    """What becomes of user and bucket when their Secret is deleted."""

    RETAIN = "retain"
    DELETE_USER = "delete-user"
    DELETE = "delete"


DELETIONS = frozenset(Deletion)
"""All of them."""


class PolicyError(FileError):
    """The policy file can't be used; each mistake names its rule where there is one."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the namespaces that it is for may ask for; None limits nothing."""

    name: str
    namespaces: tuple[Pattern, ...]
    buckets: tuple[Pattern, ...] | None = None
    access_keys: tuple[Pattern, ...] | None = None
    roles: tuple[str, ...] | None = None
    user_ids: tuple[range, ...] | None = None
    group_ids: tuple[range, ...] | None = None
    adoption: Adoption | None = None
    deletion: tuple[Deletion, ...] | None = None
    settings: tuple[SettingName, ...] | None = None
    connection_labels: tuple[Pattern, ...] | None = None
    connection_annotations: tuple[Pattern, ...] | None = None

    def is_for(self, namespace: str) -> bool:
        """Whether the namespace is one of its own."""
        return any(pattern.allows(namespace, namespace) for pattern in self.namespaces)


def parse(text: str) -> tuple[Rule, ...]:
    """The rules of a policy file, in their order.

    Raises:
        PolicyError: with all mistakes.
    """
    try:
        root = compose(text, SIZE_LIMIT)
    except FileError as error:
        raise PolicyError(error.mistakes) from None
    parser = _Parser()
    rules = parser.rules(root)
    if parser.mistakes:
        raise PolicyError(parser.mistakes)
    return rules


class _Parser:
    """Turns nodes into rules; a mistake is noted and None returned."""

    def __init__(self) -> None:
        self._file = Nodes()

    @property
    def mistakes(self) -> list[str]:
        """All so far."""
        return self._file.mistakes

    def rules(self, root: yaml.Node | None) -> tuple[Rule, ...]:
        if root is None:
            self._file.mistakes.append("is empty: it must have the key rules")
            return ()
        keys = self._file.mapping(root, "", ("rules",), required=("rules",))
        found = []
        names: dict[str, int] = {}
        everybody = ""
        for number, node in enumerate(self._file.sequence(keys.get("rules"), "rules"), 1):
            rule = self._rule(node, number)
            if rule is None:
                continue
            line = node.start_mark.line + 1
            if rule.name in names:
                self._file.note(
                    node, f"rule {rule.name}", f"line {names[rule.name]} has that name too"
                )
            elif everybody:
                self._file.note(
                    node, f"rule {rule.name}", f"comes after rule {everybody}, which is for all"
                )
            names[rule.name] = line
            if any(pattern.text.strip("*") == "" for pattern in rule.namespaces):
                everybody = everybody or rule.name
            found.append(rule)
        return tuple(found)

    def _rule(self, node: yaml.Node, number: int) -> Rule | None:
        before = len(self._file.mistakes)
        keys = self._file.mapping(node, f"rule {number}", _KEYS, required=_REQUIRED)
        name = self._file.one(keys.get("name"), f"rule {number}: name", _name) or f"{number}"

        def some(key: str, item: Callable[[str], T], tags: frozenset[str]) -> tuple[T, ...] | None:
            return self._file.list(keys.get(key), f"rule {name}: {key}", item, tags)

        namespaces = some("namespaces", Pattern.namespace, TEXT)
        rule = Rule(
            name=name,
            namespaces=namespaces or (),
            buckets=some("buckets", Pattern.bucket, TEXT),
            access_keys=some("access-keys", Pattern.access_key, TEXT),
            roles=some("roles", role, TEXT),
            user_ids=some("user-ids", id_range, NUMBERS),
            group_ids=some("group-ids", id_range, NUMBERS),
            adoption=self._file.one(keys.get("adoption"), f"rule {name}: adoption", word(Adoption)),
            deletion=some("deletion", word(Deletion), TEXT),
            settings=some("settings", word(SettingName), TEXT),
            connection_labels=some("connection-labels", Pattern.mark, TEXT),
            connection_annotations=some("connection-annotations", Pattern.mark, TEXT),
        )
        return rule if len(self._file.mistakes) == before else None


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be 1 to 63 letters, digits, spaces and . _ -, no space at an end")
    return text
