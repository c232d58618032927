"""What an administrator may allow: names by pattern, roles, and ids by range."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass, field

ROLES = ("user", "userplus", "admin")
LARGEST_ID = 2147483647

_PLACEHOLDER = "{namespace}"
_LONGEST = 256
_RANGE = re.compile(r"\s*([0-9]{1,10})\s*(?:-\s*([0-9]{1,10})\s*)?")
_TOKEN = re.compile(
    r"(?P<many>\*+)|(?P<one>\?)|\[(?P<inverse>!?)(?P<members>[^][{}*?!]+)\]"
    r"|(?P<namespace>\{namespace\})|(?P<literal>.)",
    re.DOTALL,
)
_FIXED = re.compile(r"[^][{}*?]+")
_OF_ONE = re.compile(r"[^][{}*?]*\{namespace\}(\..*)?", re.DOTALL)
_LOWER = string.ascii_lowercase + string.digits
_BUCKET = (_LOWER + ".-", "a-z 0-9 . -")
_ACCESS_KEY = (_LOWER + string.ascii_uppercase + "_.@+:~-", "A-Z a-z 0-9 _ . @ + : ~ -")
_MARK = (_LOWER + string.ascii_uppercase + "._/-", "A-Z a-z 0-9 . _ / -")
_NAMESPACE = (_LOWER + "-", "a-z 0-9 -")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A glob for names: ``*``, ``?``, ``[a-z]``, ``[!a-z]``, and ``{namespace}`` where it may.

    The namespace is compared as it is, never as a part of the glob, and no pattern allows
    anything to a namespace without a name. One pattern is compiled once for all namespaces, and
    takes no longer than the product of both lengths, whatever name it is compared with.
    """

    text: str
    _regex: re.Pattern[str] = field(repr=False, compare=False)

    @classmethod
    def bucket(cls, text: str) -> Pattern:
        """One for buckets' names.

        Raises:
            ValueError: no name can match it.
        """
        return cls._compiled(text, *_BUCKET, placeholder=True)

    @classmethod
    def access_key(cls, text: str) -> Pattern:
        """One for users' names.

        Raises:
            ValueError: no name can match it.
        """
        return cls._compiled(text, *_ACCESS_KEY, placeholder=True)

    @classmethod
    def mark(cls, text: str) -> Pattern:
        """One for the keys of labels and annotations.

        Raises:
            ValueError: no key can match it.
        """
        return cls._compiled(text, *_MARK, placeholder=True)

    @classmethod
    def namespace(cls, text: str) -> Pattern:
        """One for the namespaces themselves.

        Raises:
            ValueError: no name can match it.
        """
        return cls._compiled(text, *_NAMESPACE, placeholder=False)

    def allows(self, name: str, namespace: str) -> bool:
        """Whether it allows the name to this namespace."""
        return "\0" not in namespace and self._regex.fullmatch(f"{namespace}\0{name}") is not None

    @property
    def is_of_one_namespace(self) -> bool:
        """Whether no two namespaces can have one name by it.

        Nothing but fixed text stands before the namespace, and the end or a dot after it, which no
        namespace has: with ``{namespace}-*`` the namespace `team` has what is `team-a`'s.
        """
        return _OF_ONE.fullmatch(self.text) is not None

    @property
    def is_one_name(self) -> bool:
        """Whether it allows one name only, whatever the namespace."""
        return _FIXED.fullmatch(self.text) is not None

    def shown(self, namespace: str) -> str:
        """What it comes to there, for people."""
        return self.text.replace(_PLACEHOLDER, namespace)

    @classmethod
    def _compiled(cls, text: str, alphabet: str, words: str, *, placeholder: bool) -> Pattern:
        if not text or len(text) > _LONGEST:
            raise ValueError(f"a pattern has 1 to {_LONGEST} characters")
        # What stands between the stars. A part has one length only, so its first place is as
        # good as any: the atomic groups keep a name from making the search try them all.
        parts = [""]
        for token in _TOKEN.finditer(text):
            if token["many"]:
                parts.append("")
            elif token["one"]:
                parts[-1] += "."
            elif token["members"]:
                parts[-1] += f"[{'^' if token['inverse'] else ''}{_members(token, alphabet)}]"
            elif token["namespace"] and placeholder:
                # By its name: a digit may follow.
                parts[-1] += "(?P=namespace)"
            elif token["literal"] and token["literal"] in alphabet:
                parts[-1] += re.escape(token["literal"])
            else:
                known = f"* ? [...]{' and ' + _PLACEHOLDER if placeholder else ''}"
                raise ValueError(f"a pattern is made of {words} and of {known}")
        first, *rest = parts
        body = first
        if rest:
            *middle, last = rest
            body += "".join(f"(?>.*?{part})" for part in middle if part) + f".*{last}"
        # Not the shorter \0: a digit that follows would be read as part of it.
        return cls(text, re.compile(rf"(?P<namespace>[^\x00]+)\x00{body}", re.DOTALL))


def role(text: str) -> str:
    """One of the roles that there are.

    Raises:
        ValueError: it isn't.
    """
    if text not in ROLES:
        raise ValueError(f"must be some of {', '.join(ROLES)}")
    return text


def id_range(text: str) -> range:
    """The ids from one to another, both included, or a single one.

    Raises:
        ValueError: not within what a store can count.
    """
    match = _RANGE.fullmatch(text)
    if match:
        first = int(match[1])
        last = int(match[2] or first)
        if 0 <= first <= last <= LARGEST_ID:
            return range(first, last + 1)
    raise ValueError(f"must be ranges such as 1000-1999,3000, each within 0-{LARGEST_ID}")


def shown_ranges(ranges: Sequence[range]) -> str:
    """The ranges, for people."""
    return ", ".join(f"{ids.start}-{ids.stop - 1}" for ids in ranges)


def _members(token: re.Match[str], alphabet: str) -> str:
    """The inside of a set, as a regular expression has it."""
    members = token["members"]
    regex = ""
    index = 0
    while index < len(members):
        first, dash, last = members[index], members[index + 1 : index + 2], members[index + 2 :]
        if dash == "-" and last:
            # Letters and digits alone: nobody knows the order of the others.
            if not (first.isalnum() and last[0].isalnum() and first <= last[0]):
                raise ValueError(f"[{members}] has a range that isn't one")
            regex += f"{first}-{last[0]}"
            index += 3
        else:
            regex += re.escape(first)
            index += 1
    if not set(members) <= set(alphabet):
        raise ValueError(f"[{members}] has a character that no name has")
    return regex
