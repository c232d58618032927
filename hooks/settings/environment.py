"""Environment variables read one by one, so that all mistakes are told at once."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from backends.wire.proxies import Proxies, ProxyError
from backends.wire.sensitive import Sensitive
from backends.wire.trust import CaBundle, ca_bundle
from hooks.claim.endpoint import normalise
from hooks.settings.misspelt import Misspelt, is_service_link, misspelt

T = TypeVar("T")

# What some editors put before the text, and nobody sees.
_MARK = "\ufeff"
_MARK_IN_FILE = re.compile(b"^" + codecs.BOM_UTF8, re.MULTILINE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Reader:
    """Reads variables one by one; a mistake is noted and a stand-in returned.

    Args:
        environ: the variables; blanks at both ends of a value don't count.

    Attributes:
        mistakes: one sentence each, beginning with the variable's name.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []
        self._names: set[str] = set()

    def misspelt(self) -> list[Misspelt]:
        """What is set under a name that is nearly one of those that were read."""
        return misspelt(self._environ, self._names)

    def _get(self, name: str) -> str:
        self._names.add(name)
        value = self._environ.get(name, "").strip()
        if _MARK in value:
            self._note_once(f"{name}: holds a byte order mark (BOM): remove it")
        return value

    def _note_once(self, mistake: str) -> None:
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def text(self, name: str, default: str, check: Callable[[str], str]) -> str:
        """What `check` makes of the value, or raises ValueError about."""
        value = self._get(name)
        return self._checked(name, value, check, default) if value else default

    def choice(
        self,
        name: str,
        default: str,
        valid: tuple[str, ...],
        fold: Callable[[str], str] = str.lower,
    ) -> str:
        """One of the valid words, after `fold`."""
        value = fold(self._get(name)) or default
        if value in valid:
            return value
        self.mistakes.append(f"{name}: must be one of {', '.join(valid)}")
        return default

    def boolean(self, name: str, default: bool) -> bool:
        """``true`` or ``false``."""
        return self.choice(name, str(default).lower(), ("true", "false")) == "true"

    def number(self, name: str, default: float, lowest: float, highest: float) -> float:
        """A number within both ends."""
        value = self._get(name)
        try:
            number = float(value) if value else float(default)
        except ValueError:
            number = float("nan")
        if lowest <= number <= highest:
            return number
        self.mistakes.append(f"{name}: must be a number from {lowest:g} to {highest:g}")
        return default

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        """A whole number within both ends."""
        value = self._get(name)
        if not value:
            return default
        if re.fullmatch(r"[0-9]{1,9}", value) and lowest <= int(value) <= highest:
            return int(value)
        hint = " (set by Kubernetes for a Service: enableServiceLinks: false prevents that)"
        self.mistakes.append(
            f"{name}: must be a whole number from {lowest} to {highest}"
            f"{hint if is_service_link(name, value) else ''}"
        )
        return default

    def list(self, name: str, default: str, item: Callable[[str], T]) -> tuple[T, ...]:
        """What `item` makes of each word between commas, or raises ValueError about."""
        words = [word.strip() for word in (self._get(name) or default).split(",")]
        if self._get(name) and not any(words):
            # Not as good as none: whoever wrote it meant to limit something.
            self.mistakes.append(f"{name}: holds nothing but commas")
        try:
            return tuple(item(word) for word in words if word)
        except ValueError as error:
            self.mistakes.append(f"{name}: {error}")
            return ()

    def url(self, name: str, required: str | None) -> str:
        """A URL, normalised; `required` says what it is if there has to be one."""
        value = self._get(name)
        if value:
            return self._checked(name, value, normalise, "")
        if required:
            self.mistakes.append(f"{name}: required, {required}")
        return ""

    def url_as_given(self, name: str, instead: str) -> str:
        """A URL to the letter, or that of the variable `instead`."""
        value = self._get(name)
        if not value:
            return self._get(instead)
        return self._checked(name, value, lambda url: url if normalise(url) else "", "")

    def path(self, name: str) -> Path | None:
        """A path, whatever is there."""
        value = self._get(name)
        return Path(value) if value else None

    def file(self, name: str) -> Path | None:
        """The path of a file that can be read."""
        path = self.path(name)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError as error:
            self.mistakes.append(f"{name}: can't be read ({error.strerror})")
        else:
            if content.startswith(_UTF_16):
                self.mistakes.append(f"{name}: the file is UTF-16: save it as UTF-8")
            elif _MARK_IN_FILE.search(content):
                self.mistakes.append(
                    f"{name}: the file has a byte order mark (BOM) at the start of a line: save it "
                    "as UTF-8 without"
                )
        return path

    def credential(self, name: str, *others: str, required: bool = False) -> Sensitive:
        """A credential under any of its names, or in the file that NAME_FILE names."""
        found = {}
        for candidate in (name, *others):
            self._get(candidate)
            value = _drop_newline(self._environ.get(candidate, ""))
            path = self.file(f"{candidate}_FILE")
            if value and path:
                self.mistakes.append(f"{candidate}: set together with {candidate}_FILE")
            if not _is_text(value):
                self.mistakes.append(f"{candidate}: is not UTF-8 text")
            elif value:
                found[candidate] = value
            elif path:
                text = self._secret_text(f"{candidate}_FILE", path)
                if text:
                    found[candidate] = text
        if len(set(found.values())) > 1:
            self.mistakes.append(f"{name}: differs from {' and '.join(others)}: set one of them")
        if found:
            return Sensitive(next(iter(found.values())))
        told = (f"{name}:", f"{name}_FILE:")
        if required and not any(mistake.startswith(told) for mistake in self.mistakes):
            self.mistakes.append(f"{name}: required, here or in the file that {name}_FILE names")
        return Sensitive("")

    def tokens(self, name: str) -> tuple[Sensitive, ...]:
        """The tokens or keys of a credential that holds one a line."""
        credential = self.credential(name)
        lines = [line.strip() for line in credential.reveal().splitlines()]
        tokens = tuple(Sensitive(line) for line in lines if line)
        told = any(mistake.startswith(f"{name}:") for mistake in self.mistakes)
        if not tokens and not told and (credential or self._environ.get(name)):
            self.mistakes.append(f"{name}: holds nothing but blanks")
        return tokens

    def ca_bundle(self, name: str) -> CaBundle | None:
        """A PEM file of CA certificates, which may change."""
        path = self.file(name)
        try:
            return ca_bundle(path) if path and not self._told(name) else None
        except OSError as error:
            self.mistakes.append(f"{name}: can't be read ({error.strerror})")
        except ValueError as error:
            self.mistakes.append(f"{name}: {error}")
        return None

    def unused(self, names: Iterable[str], why: str) -> tuple[str, ...]:
        """Warnings of variables that are set and not read.

        Args:
            names: theirs.
            why: the rest of the sentence.
        """
        return tuple(f"{name}: is not read: {why}" for name in names if self._get(name))

    def all_proxies(self) -> Proxies:
        """The proxies, not checked for any URL yet."""
        return Proxies.of(self._environ)

    def proxies(self, *urls: str) -> Proxies:
        """The proxies, checked for the URLs that are to be reached."""
        proxies = Proxies.of(self._environ)
        try:
            for url in urls:
                proxies.for_url(url)
        except ProxyError as error:
            self.mistakes.append(f"{error}")
            return Proxies()
        return proxies

    def _secret_text(self, name: str, path: Path) -> str:
        try:
            text = _drop_newline(path.read_text(encoding="utf-8"))
        except OSError:
            return ""  # noted when the file was looked at
        except ValueError:
            if not self._told(name):
                self.mistakes.append(f"{name}: the file is not UTF-8 text")
            return ""
        if not text:
            self.mistakes.append(f"{name}: the file is empty")
        return text

    def _told(self, name: str) -> bool:
        """Whether something is wrong with it already."""
        return any(mistake.startswith(f"{name}:") for mistake in self.mistakes)

    def _checked(self, name: str, value: str, check: Callable[[str], str], instead: str) -> str:
        try:
            return check(value)
        except ValueError as error:
            self.mistakes.append(f"{name}: {error}")
            return instead


def credential_of(content: bytes) -> Sensitive:
    """The credential that a file holds, without a line end after it.

    Raises:
        ValueError: it holds none; the text doesn't quote it.
    """
    if content.startswith(_UTF_16):
        raise ValueError("the file is UTF-16: save it as UTF-8")
    if _MARK_IN_FILE.search(content):
        raise ValueError(
            "the file has a byte order mark (BOM) at the start of a line: save it as UTF-8 without"
        )
    try:
        text = _drop_newline(content.decode())
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None
    if not text:
        raise ValueError("the file is empty")
    return Sensitive(text)


def _is_text(value: str) -> bool:
    """Bytes of the environment that are no text come as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _drop_newline(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")
