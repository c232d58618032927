"""The environment read into settings, with every mistake told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from backends.base import Connection
from backends.wire.sensitive import Sensitive
from hooks.claim.adoption import Adoption
from hooks.claim.allowed import LARGEST_ID, Pattern, id_range, role
from hooks.claim.endpoint import is_loopback
from hooks.claim.policy import Policy, PolicyFile
from hooks.claim.policyfile import PolicyError
from hooks.claim.secret import Rules
from hooks.claim.stores import Store
from hooks.contract.grant import Grants
from hooks.contract.status import ANNOTATIONS
from hooks.settings.entry import UNKNOWN, Entry
from hooks.settings.environment import Reader
from hooks.settings.environstore import OF_ONE_STORE, read_store
from hooks.settings.storesfile import StoresFile
from hooks.settings.storeslist import StoresError, StoresReader

_ANNOTATION_KEY = re.compile(
    r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
_ALL_IDS = f"1-{LARGEST_ID}"


class SettingsError(Exception):
    """The configuration can't be used.

    Args:
        mistakes: one sentence each, beginning with the variable's name, without any value
            that may be a credential.
    """

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(["The configuration can't be used:", *mistakes]))
        self.mistakes = mistakes


class Switch(StrEnum):
    """What is done where the operator may and can, always, or never."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class TLS:
    """Files of the hook listener's certificate; `client_ca` asks the caller for one too."""

    certificate: Path
    key: Path
    client_ca: Path | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides; see the table in docs/configuration.md."""

    annotation_key: str
    backend_name: str
    connection: Connection
    rules: Rules
    adoption: Adoption
    policy: Policy
    conflict_guard: Switch
    deletion: bool
    events: Switch
    public_endpoint: str
    signing_keys: tuple[Sensitive, ...]
    hook_host: str
    hook_port: int
    hook_tokens: tuple[Sensitive, ...]
    tls: TLS | None
    metrics_host: str
    metrics_port: int
    sync_timeout: float
    sync_concurrency: int
    log_level: str
    log_format: str
    adoption_by_default: Adoption = Adoption.ANY
    """ADOPTION, for stores that have none of their own."""
    signing_key_is_derived: bool = False
    """Whether no SIGNING_KEY is set, so that an administrator's secret stands in."""
    store: Store = field(default_factory=Store)
    """What Secrets call the store that these settings are for."""
    stores: StoresFile | None = None
    """The list of all stores, of which these settings are for the default one; None without."""
    warnings: tuple[str, ...] = ()
    """What is set and not read, and may have been meant for the operator."""

    @property
    def grants(self) -> Grants:
        """What issues and verifies this store's grants."""
        return Grants(*self.signing_keys, stores=self.store.names)

    @property
    def listed_as(self) -> str:
        """The store's name on the list; empty without one."""
        return "" if self.stores is None else self.store.name

    @property
    def every(self) -> list[Settings]:
        """The settings of each store that there is now."""
        if self.stores is None:
            return [self]
        return [self.for_store(entry) for entry in self.stores.value.entries]

    def for_store(self, entry: Entry) -> Settings:
        """The settings as they are for one store."""
        connection = entry.connection
        rules = self.rules
        return replace(
            self,
            backend_name=entry.backend,
            connection=connection,
            rules=replace(
                rules,
                own_access_keys=frozenset({connection.admin.access_key} - {""}),
                endpoint=None if rules.endpoint is None else entry.store.endpoint,
                aliases=entry.store.aliases,
                region=connection.region,
            ),
            adoption=entry.adoption or self.adoption_by_default,
            public_endpoint=entry.public_endpoint,
            store=entry.store,
        )

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Reads the environment; an empty variable is as good as none.

        Raises:
            SettingsError: with all mistakes.
        """
        read = Reader(environ)
        concurrency = read.integer("SYNC_CONCURRENCY", 32, 1, 1024)
        entry, stores, unused = _stores(read, concurrency)
        connection = entry.connection
        signing_keys = read.tokens("SIGNING_KEY")
        policy = _policy(read)
        adoption = Adoption(read.choice("ADOPTION", "any", tuple(Adoption)))
        settings = cls(
            annotation_key=read.text(
                "ANNOTATION_KEY", "s3-resource-operator.io/enabled", _annotation_key
            ),
            backend_name=entry.backend,
            connection=connection,
            rules=Rules(
                roles=frozenset(read.list("ALLOWED_ROLES", "user", role)),
                user_ids=read.list("ALLOWED_USER_IDS", _ALL_IDS, id_range),
                group_ids=read.list("ALLOWED_GROUP_IDS", _ALL_IDS, id_range),
                reserved_access_keys=read.list("RESERVED_ACCESS_KEYS", "", str),
                reserved_buckets=read.list("RESERVED_BUCKETS", "", str),
                endpoint=entry.store.endpoint
                if read.boolean("ENFORCE_ENDPOINT_CHECK", True)
                else None,
                policy=policy,
                public_access=read.boolean("ALLOW_PUBLIC_ACCESS", False),
            ),
            adoption=adoption,
            adoption_by_default=adoption,
            policy=policy,
            conflict_guard=Switch(read.choice("CONFLICT_GUARD", "auto", tuple(Switch))),
            deletion=read.choice("DELETION", "off", ("off", "on")) == "on",
            events=Switch(read.choice("KUBERNETES_EVENTS", "auto", tuple(Switch))),
            public_endpoint=entry.public_endpoint,
            signing_keys=signing_keys or (Grants.derived(connection.admin.secret),),
            signing_key_is_derived=not signing_keys,
            hook_host=read.text("HOOK_HOST", "127.0.0.1", _host),
            hook_port=read.integer("HOOK_PORT", 8080, 0, 65535),
            hook_tokens=read.tokens("HOOK_TOKEN"),
            tls=_tls(read),
            metrics_host=read.text("METRICS_HOST", "0.0.0.0", _host),  # noqa: S104
            metrics_port=read.integer("METRICS_PORT", 8000, 0, 65535),
            sync_timeout=read.number("SYNC_TIMEOUT_SECONDS", 8, 0.1, 600),
            sync_concurrency=concurrency,
            log_level=read.choice(
                "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), str.upper
            ),
            log_format=read.choice("LOG_FORMAT", "json", ("json", "text")),
        )
        anonymous = read.boolean("HOOK_ALLOW_ANONYMOUS", False)
        if not settings.hook_tokens and not anonymous and not is_loopback(settings.hook_host):
            read.mistakes.append(
                "HOOK_TOKEN: needed when HOOK_HOST is not a loopback address, since whoever "
                "reaches the hook can create users (HOOK_ALLOW_ANONYMOUS=true goes without)"
            )
        if settings.deletion and settings.conflict_guard is Switch.OFF:
            read.mistakes.append(
                "DELETION: needs the conflict guard, since nothing else tells what another "
                "Secret still uses: leave CONFLICT_GUARD on or auto"
            )
        if settings.hook_port and settings.hook_port == settings.metrics_port:
            read.mistakes.append("METRICS_PORT: must differ from HOOK_PORT")
        misspelt = read.misspelt()
        if read.mistakes or any(found.certain for found in misspelt):
            # The others too: one of them may be why something is missing.
            raise SettingsError([*read.mistakes, *map(str, misspelt)])
        return replace(
            settings.for_store(entry),
            stores=stores,
            warnings=(*unused, *map(str, misspelt)),
        )


def _annotation_key(value: str) -> str:
    if not _ANNOTATION_KEY.fullmatch(value):
        raise ValueError("must be an annotation with a prefix, such as example.com/enabled")
    if value.partition("/")[2] in ANNOTATIONS:
        raise ValueError("must not be the name of an annotation that means something else")
    return value


def _host(value: str) -> str:
    """A host's name or address; an IPv6 address may have the brackets that it has in URLs."""
    if value.startswith("[") and value.endswith("]"):
        return value[1:-1]
    return value


def _stores(read: Reader, pool_size: int) -> tuple[Entry, StoresFile | None, Sequence[str]]:
    """The default store, the list of all if there is one, and what is of no use beside it."""
    path = read.path("STORES_FILE")
    if path is None:
        return read_store(read, pool_size=pool_size), None, ()
    unused = read.unused(OF_ONE_STORE, "STORES_FILE says what the stores are")
    strict = read.boolean("TLS_STRICT", False)
    try:
        file = StoresFile(path, StoresReader(read.all_proxies(), strict, pool_size))
    except StoresError as error:
        read.mistakes += [f"STORES_FILE: {mistake}" for mistake in error.mistakes]
        return UNKNOWN, None, unused
    return file.value.default, file, unused


def _policy(read: Reader) -> Policy:
    buckets = read.list("BUCKET_NAME_PATTERN", "", Pattern.bucket)
    access_keys = read.list("ACCESS_KEY_PATTERN", "", Pattern.access_key)
    path = read.path("POLICY_FILE")
    try:
        file = PolicyFile(path) if path else None
    except PolicyError as error:
        read.mistakes += [f"POLICY_FILE: {mistake}" for mistake in error.mistakes]
        file = None
    return Policy(buckets, access_keys, file)


def _tls(read: Reader) -> TLS | None:
    certificate = read.file("HOOK_TLS_CERT_FILE")
    key = read.file("HOOK_TLS_KEY_FILE")
    client_ca = read.file("HOOK_TLS_CLIENT_CA_FILE")
    if certificate and key:
        return TLS(certificate, key, client_ca)
    if certificate or key or client_ca:
        read.mistakes.append(
            "HOOK_TLS_CERT_FILE: goes together with HOOK_TLS_KEY_FILE, and "
            "HOOK_TLS_CLIENT_CA_FILE needs both"
        )
    return None
