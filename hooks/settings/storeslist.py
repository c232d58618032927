"""STORES_FILE: several stores in one operator.

A YAML file; what Secrets choose of it is in :mod:`hooks.claim.stores`::

    default: fast                          # for Secrets that name no store
    stores:
      - name: fast                         # a DNS label, which Secrets name
        former-names: [default]            # the oldest first
        backend: versitygw
        endpoint: http://versitygw.storage.svc:7070
        admin-endpoint: http://versitygw.storage.svc:7071
        public-endpoint: https://s3.example.com
        endpoints: ["s3.example.com:443"]  # further names of the same store
        region: us-east-1
        access-key-file: /stores/fast/access-key
        secret-key-file: /stores/fast/secret-key
        ca-bundle: /stores/fast/ca.crt
        tls-verify: true
        allow-plain-http: false            # true: as S3_ALLOW_PLAIN_HTTP
        namespaces: ["team-*"]             # globs; none is all
        adoption: own-names
      - name: archive
        backend: garage
        endpoint: http://garage.storage.svc:3900
        admin-endpoint: http://garage.storage.svc:3903
        admin-token-file: /stores/archive/admin-token

`name`, `backend`, `endpoint` and the files of the administrator's credentials are required, Garage
needs `admin-endpoint`, and `default` may be left out where there is one store, or one of that name.
A list without the two keys around it does as well then. Paths are relative to the file's folder.

The file is read strictly: nothing in it is passed over or guessed. It is read again when it
changes, or one of the files of credentials does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import yaml

from backends import REGISTRY
from backends.base import Connection, Credentials
from backends.wire.proxies import Proxies, ProxyError
from backends.wire.sensitive import Sensitive
from backends.wire.trust import CaBundle, ca_bundle
from backends.wire.watched import Fingerprint, fingerprint
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import Pattern
from hooks.claim.endpoint import Endpoint, normalise
from hooks.claim.stores import DEFAULT, Store, Stores
from hooks.claim.strictyaml import SWITCH, TEXT, FileError, Nodes, compose, word
from hooks.settings.entry import Entry, is_by_token, is_overheard, region_of
from hooks.settings.environment import credential_of
from hooks.settings.environstore import region_name

T = TypeVar("T")

SIZE_LIMIT = 256 * 1024
_CREDENTIAL_LIMIT = 64 * 1024
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FILE = ("stores", "default")
_REQUIRED = ("name", "backend", "endpoint")
_KEYS = (
    *_REQUIRED,
    "former-names",
    "admin-endpoint",
    "public-endpoint",
    "endpoints",
    "region",
    "access-key-file",
    "secret-key-file",
    "admin-token-file",
    "ca-bundle",
    "tls-verify",
    "allow-plain-http",
    "namespaces",
    "adoption",
)


class StoresError(FileError):
    """The list of stores can't be used; each mistake names its store where there is one."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What the file says.

    Args:
        entries: the stores, in their order.
        default: one of them.
    """

    entries: tuple[Entry, ...]
    default: Entry

    @property
    def stores(self) -> Stores:
        """What Secrets choose from."""
        return Stores([entry.store for entry in self.entries], self.default.store.name)


class StoresReader:
    """Reads lists of stores, with the files that they name.

    Args:
        proxies: through which stores are reached.
        tls_strict: TLS_STRICT.
        pool_size: connections kept open to a store at most.

    Attributes:
        seen: what each file of credentials was when it was read last.
    """

    def __init__(self, proxies: Proxies, tls_strict: bool, pool_size: int) -> None:
        self.proxies = proxies
        self.tls_strict = tls_strict
        self.pool_size = pool_size
        self.seen: dict[Path, Fingerprint] = {}
        # One for each path: two that are alike would not be equal.
        self._bundles: dict[Path, CaBundle] = {}

    def read(self, text: str, folder: Path) -> Listing:
        """The stores of a list.

        Args:
            text: the file's.
            folder: where it is.

        Raises:
            StoresError: with all mistakes.
        """
        try:
            root = compose(text, SIZE_LIMIT)
        except FileError as error:
            raise StoresError(error.mistakes) from None
        parser = _Parser(self, folder)
        listing = parser.listing(root)
        if listing is None:
            raise StoresError(parser.nodes.mistakes)
        used = {entry.connection.ca_bundle for entry in listing.entries}
        self._bundles = {path: each for path, each in self._bundles.items() if each in used}
        return listing

    def credential(self, path: Path) -> Sensitive:
        """What a file of credentials holds.

        Raises:
            OSError: it can't be read.
            ValueError: it holds none.
        """
        # Before reading: what is written meanwhile differs from it, and is read again.
        self.seen[path] = fingerprint(path)
        with path.open("rb") as file:
            content = file.read(_CREDENTIAL_LIMIT + 1)
        if len(content) > _CREDENTIAL_LIMIT:
            raise ValueError(f"the file has more than {_CREDENTIAL_LIMIT // 1024} KiB")
        return credential_of(content)

    def bundle(self, path: Path) -> CaBundle:
        """The CA certificates of a file.

        Raises:
            OSError: it can't be read.
            ValueError: it holds none.
        """
        if path not in self._bundles:
            self._bundles[path] = ca_bundle(path)
        return self._bundles[path]


class _Parser:
    """Turns nodes into stores; a mistake is noted and None returned."""

    def __init__(self, reader: StoresReader, folder: Path) -> None:
        self.nodes = Nodes()
        self._reader = reader
        self._folder = folder
        self._names: dict[str, str] = {}
        self._urls: dict[str, str] = {}

    def listing(self, root: yaml.Node | None) -> Listing | None:
        """All of the file; None where there is a mistake anywhere."""
        if root is None:
            self.nodes.mistakes.append("is empty: it must have the key stores")
            return None
        said: dict[str, yaml.Node] = {"stores": root}
        if not isinstance(root, yaml.SequenceNode):
            said = self.nodes.mapping(root, "", _FILE, required=("stores",))
        entries = [
            entry
            for number, node in enumerate(self.nodes.sequence(said.get("stores"), "stores"), 1)
            if (entry := self._entry(node, number)) is not None
        ]
        default = self._default(said.get("default"), entries)
        if self.nodes.mistakes or default is None:
            return None
        return Listing(tuple(entries), default)

    def _default(self, node: yaml.Node | None, entries: list[Entry]) -> Entry | None:
        by_name = {entry.store.name: entry for entry in entries}
        if node is not None:
            name = self.nodes.one(node, "default", str)
            if name is not None and name not in self._names:
                self.nodes.note(node, "default", "is none of the stores")
            elif name is not None and name not in by_name and not self.nodes.mistakes:
                self.nodes.note(node, "default", "is a former name: set the present one")
            return by_name.get(name or "")
        if len(entries) == 1:
            return entries[0]
        if DEFAULT not in by_name and not self.nodes.mistakes:
            self.nodes.mistakes.append(
                "default is missing: it names the store of Secrets that name none"
            )
        return by_name.get(DEFAULT)

    def _entry(self, node: yaml.Node, number: int) -> Entry | None:
        nodes, before = self.nodes, len(self.nodes.mistakes)
        said = nodes.mapping(node, f"store {number}", _KEYS, required=_REQUIRED)
        name = nodes.one(said.get("name"), f"store {number}: name", _name)
        where = f"store {name or number}"

        def one(key: str, item: Callable[[str], T]) -> T | None:
            return nodes.one(said.get(key), f"{where}: {key}", item)

        def some(key: str, item: Callable[[str], T]) -> tuple[T, ...]:
            return nodes.list(said.get(key), f"{where}: {key}", item, TEXT) or ()

        former = some("former-names", _name)
        for each, key in [(name, "name"), *((each, "former-names") for each in former)]:
            self._once(self._names, each, where, said.get(key, node), key)
        backend = one("backend", _backend) or ""
        by_token = is_by_token(backend)
        if backend:
            self._need(node, said, where, backend)
        endpoint = one("endpoint", normalise) or ""
        admin_endpoint = one("admin-endpoint", normalise) or endpoint
        public = one("public-endpoint", _as_given) or endpoint
        further = some("endpoints", Endpoint.of)
        aliases = frozenset(url for each in further for url in each.urls)
        if public:
            aliases |= {normalise(public)}
        for url in sorted({endpoint, *aliases} - {""}):
            self._once(self._urls, url, where, said.get("endpoint", node), "endpoint")
        if admin_endpoint and admin_endpoint not in {endpoint, *aliases}:
            # One admin API is one store, whatever the entries call it: it would have two guards.
            place = said.get("admin-endpoint", node)
            self._once(self._urls, admin_endpoint, where, place, "admin-endpoint")
        access_key = one("access-key-file", self._credential)
        secret_key = one("secret-key-file", self._credential)
        token = one("admin-token-file", self._credential)
        secret = (token if by_token else secret_key) or Sensitive("")
        bundle = one("ca-bundle", self._bundle)
        verify = nodes.one(said.get("tls-verify"), f"{where}: tls-verify", _switch, TEXT | SWITCH)
        plain = nodes.one(
            said.get("allow-plain-http"), f"{where}: allow-plain-http", _switch, TEXT | SWITCH
        )
        if not plain and is_overheard(backend, admin_endpoint):
            key = "admin-endpoint" if "admin-endpoint" in said else "endpoint"
            nodes.note(
                said.get(key, node),
                f"{where}: {key}",
                f"must be https for {backend}, whose admin API takes users' secrets as they are "
                "(allow-plain-http: true lets them be read by whoever is in between)",
            )
        connection = Connection(
            endpoint=endpoint,
            admin_endpoint=admin_endpoint,
            region=one("region", region_name) or region_of(backend),
            admin=Credentials(access_key.reveal() if access_key else "", secret),
            ca_bundle=bundle,
            tls_verify=verify is not False,
            tls_strict=self._reader.tls_strict,
            pool_size=self._reader.pool_size,
            proxies=self._reader.proxies,
        )
        self._reach(node, where, endpoint, admin_endpoint)
        namespaces = some("namespaces", Pattern.namespace)
        adoption = one("adoption", word(Adoption))
        if len(nodes.mistakes) != before or name is None:
            return None
        store = Store(name, former, endpoint, aliases, namespaces)
        return Entry(store, backend, connection, public, adoption)

    def _once(
        self, known: dict[str, str], what: str | None, where: str, node: yaml.Node, key: str
    ) -> None:
        """Notes what is there twice, and can only be there once."""
        if what is None:
            return
        if what in known:
            self.nodes.note(node, f"{where}: {key}", f"{what} is {known[what]}'s already")
        else:
            known[what] = where

    def _need(
        self, node: yaml.Node, said: Mapping[str, yaml.Node], where: str, backend: str
    ) -> None:
        """Notes what a store of that kind lacks, or has no use for."""
        by_token = is_by_token(backend)
        needed = ("admin-endpoint", "admin-token-file") if by_token else _KEY_FILES
        for key in needed:
            if key not in said:
                self.nodes.note(node, where, f"{key} is missing, which {backend} needs")
        if not by_token and "admin-token-file" in said:
            self.nodes.note(
                said["admin-token-file"], f"{where}: admin-token-file", f"{backend} has none"
            )

    def _reach(self, node: yaml.Node, where: str, *urls: str) -> None:
        try:
            for url in urls:
                if url:
                    self._reader.proxies.for_url(url)
        except ProxyError as error:
            self.nodes.note(node, where, f"{error}")

    def _credential(self, text: str) -> Sensitive:
        return self._read(text, self._reader.credential)

    def _bundle(self, text: str) -> CaBundle:
        return self._read(text, self._reader.bundle)

    def _read(self, text: str, read: Callable[[Path], T]) -> T:
        if not text or "\0" in text:
            raise ValueError("must be the path of a file")
        try:
            return read(self._folder / text)
        except OSError as error:
            raise ValueError(f"can't be read ({error.strerror})") from None


_KEY_FILES = ("access-key-file", "secret-key-file")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("must be 1 to 63 of a-z 0-9 -, no hyphen at an end")
    return text


def _backend(text: str) -> str:
    if text not in REGISTRY:
        raise ValueError(f"must be one of {', '.join(REGISTRY)}")
    return text


def _as_given(text: str) -> str:
    normalise(text)
    return text


def _switch(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"
