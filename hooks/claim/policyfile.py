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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

import yaml

from backends.bucketsettings import SettingName
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import Pattern, id_range, role

T = TypeVar("T")

SIZE_LIMIT = 256 * 1024
# Anchors let a small file name a long list very often.
_ITEM_LIMIT = 10_000
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ._-]{0,61}[A-Za-z0-9])?")
_TAG = "tag:yaml.org,2002:"
_TEXT = frozenset({f"{_TAG}str"})
_NUMBERS = _TEXT | {f"{_TAG}int"}
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


class PolicyError(ValueError):
    """The policy file can't be used.

    Args:
        mistakes: one sentence each, with its line and rule where there is one.
    """

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


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
    if len(text) > SIZE_LIMIT:
        raise PolicyError([f"has more than {SIZE_LIMIT // 1024} KiB"])
    if text.startswith("\ufeff"):
        raise PolicyError(["begins with a byte order mark (BOM): save it as UTF-8 without"])
    try:
        # Nodes only: they know their lines and repeated keys, and nothing is made from them.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise PolicyError([f"{where}is not valid YAML ({error.problem})"]) from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        # Not all of the library's own: it makes characters of whatever number is escaped.
        raise PolicyError(["is not valid YAML"]) from None
    parser = _Parser()
    rules = parser.rules(root)
    if parser.mistakes:
        raise PolicyError(parser.mistakes)
    return rules


class _Parser:
    """Turns nodes into rules; a mistake is noted and None returned."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self._items = 0

    def rules(self, root: yaml.Node | None) -> tuple[Rule, ...]:
        if root is None:
            self.mistakes.append("is empty: it must have the key rules")
            return ()
        keys = self._mapping(root, "", ("rules",), required=("rules",))
        found = []
        names: dict[str, int] = {}
        everybody = ""
        for number, node in enumerate(self._sequence(keys.get("rules"), "rules"), 1):
            rule = self._rule(node, number)
            if rule is None:
                continue
            line = node.start_mark.line + 1
            if rule.name in names:
                self._note(node, f"rule {rule.name}", f"line {names[rule.name]} has that name too")
            elif everybody:
                self._note(
                    node, f"rule {rule.name}", f"comes after rule {everybody}, which is for all"
                )
            names[rule.name] = line
            if any(pattern.text.strip("*") == "" for pattern in rule.namespaces):
                everybody = everybody or rule.name
            found.append(rule)
        return tuple(found)

    def _rule(self, node: yaml.Node, number: int) -> Rule | None:
        before = len(self.mistakes)
        keys = self._mapping(node, f"rule {number}", _KEYS, required=_REQUIRED)
        name = self._one(keys.get("name"), f"rule {number}: name", _name) or f"{number}"

        def some(key: str, item: Callable[[str], T], tags: frozenset[str]) -> tuple[T, ...] | None:
            return self._list(keys.get(key), f"rule {name}: {key}", item, tags)

        namespaces = some("namespaces", Pattern.namespace, _TEXT)
        rule = Rule(
            name=name,
            namespaces=namespaces or (),
            buckets=some("buckets", Pattern.bucket, _TEXT),
            access_keys=some("access-keys", Pattern.access_key, _TEXT),
            roles=some("roles", role, _TEXT),
            user_ids=some("user-ids", id_range, _NUMBERS),
            group_ids=some("group-ids", id_range, _NUMBERS),
            adoption=self._one(keys.get("adoption"), f"rule {name}: adoption", _word(Adoption)),
            deletion=some("deletion", _word(Deletion), _TEXT),
            settings=some("settings", _word(SettingName), _TEXT),
            connection_labels=some("connection-labels", Pattern.mark, _TEXT),
            connection_annotations=some("connection-annotations", Pattern.mark, _TEXT),
        )
        return rule if len(self.mistakes) == before else None

    def _mapping(
        self, node: yaml.Node, where: str, known: tuple[str, ...], required: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._note(node, where, f"must be a mapping with the keys {', '.join(known)}")
            return {}
        keys: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "a key that is no word"
            if name not in known:
                self._note(key, where, f"{name} is unknown (known: {', '.join(known)})")
            elif name in keys:
                self._note(key, where, f"{name} is there twice")
            else:
                keys[name] = value
        for name in required:
            if name not in keys:
                self._note(node, where, f"{name} is missing")
        return keys

    def _sequence(self, node: yaml.Node | None, where: str) -> Iterator[yaml.Node]:
        if node is None:
            return
        if not isinstance(node, yaml.SequenceNode):
            self._note(node, where, "must be a list")
        elif not node.value:
            self._note(node, where, "must not be an empty list, which would allow nothing")
        else:
            for item in node.value:
                self._items += 1
                if self._items > _ITEM_LIMIT:
                    self._note(item, where, f"is more than {_ITEM_LIMIT} items in all")
                    return
                yield item

    def _list(
        self,
        node: yaml.Node | None,
        where: str,
        item: Callable[[str], T],
        tags: frozenset[str],
    ) -> tuple[T, ...] | None:
        if node is None:
            return None
        values = (self._one(child, where, item, tags) for child in self._sequence(node, where))
        return tuple(value for value in values if value is not None)

    def _one(
        self,
        node: yaml.Node | None,
        where: str,
        item: Callable[[str], T],
        tags: frozenset[str] = _TEXT,
    ) -> T | None:
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag not in tags:
            self._note(node, where, "must be text (put numbers and words like yes into quotes)")
            return None
        try:
            return item(node.value)
        except ValueError as error:
            self._note(node, where, f"{error}")
            return None

    def _note(self, node: yaml.Node, where: str, problem: str) -> None:
        place = f"line {node.start_mark.line + 1}: "
        self.mistakes.append(f"{place}{where}: {problem}" if where else f"{place}{problem}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be 1 to 63 letters, digits, spaces and . _ -, no space at an end")
    return text


Word = TypeVar("Word", bound=StrEnum)


def _word(words: type[Word]) -> Callable[[str], Word]:
    def read(text: str) -> Word:
        try:
            return words(text)
        except ValueError:
            raise ValueError(f"must be one of {', '.join(words)}") from None

    return read
