"""The environment read into settings, with every mistake told at once."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from backends import REGISTRY
from backends.base import Connection, Credentials
from backends.sensitive import Sensitive
from hooks.endpoint import normalise
from hooks.grant import Grants
from hooks.secret import Rules
from hooks.takeover import Adoption

T = TypeVar("T")

_ANNOTATION_KEY = re.compile(
    r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
_RANGE = re.compile(r"\s*([0-9]{1,10})\s*(?:-\s*([0-9]{1,10})\s*)?")
_LARGEST_ID = 2147483647
_ROLES = ("user", "userplus", "admin")
_OWN_ANNOTATIONS = frozenset(
    {
        "status",
        "reason",
        "message",
        "endpoint",
        "bucket",
        "user",
        "last-transition-time",
        "grant",
        "applied",
    }
)


class SettingsError(Exception):
    """The configuration can't be used.

    Args:
        mistakes: one sentence each, beginning with the variable's name, without any value
            that may be a credential.
    """

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(["The configuration can't be used:", *mistakes]))
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class TLS:
    """Files of the hook listener's certificate; `client_ca` asks the caller for one too."""

    certificate: Path
    key: Path
    client_ca: Path | None


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides; see the README's table."""

    annotation_key: str
    backend_name: str
    connection: Connection
    rules: Rules
    adoption: Adoption
    signing_key: Sensitive
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

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> Settings:
        """Reads the environment; an empty variable is as good as none.

        Raises:
            SettingsError: with all mistakes.
        """
        read = _Reader(environ)
        backend_name = read.choice("BACKEND_NAME", "versitygw", tuple(REGISTRY))
        # Garage's administration is a token's, with an API of its own.
        by_token = backend_name == "garage"
        endpoint = read.url("S3_ENDPOINT_URL", "the URL of the store's S3 API")
        admin_endpoint = read.url(
            "S3_ADMIN_ENDPOINT_URL", "the URL of Garage's admin API" if by_token else None
        )
        access_key = read.credential("S3_ACCESS_KEY", "ROOT_ACCESS_KEY", required=not by_token)
        secret_key = read.credential("S3_SECRET_KEY", "ROOT_SECRET_KEY", required=not by_token)
        token = read.credential("S3_ADMIN_TOKEN", required=by_token)
        admin_secret = token if by_token else secret_key
        signing_key = read.credential("SIGNING_KEY")
        concurrency = read.integer("SYNC_CONCURRENCY", 32, 1, 1024)
        verify = read.boolean("S3_TLS_VERIFY", True)
        ca_bundle = read.ca_bundle("S3_CA_BUNDLE")
        settings = cls(
            annotation_key=read.text(
                "ANNOTATION_KEY", "s3-resource-operator.io/enabled", _annotation_key
            ),
            backend_name=backend_name,
            connection=Connection(
                endpoint=endpoint,
                admin_endpoint=admin_endpoint or endpoint,
                region=read.text("S3_REGION", "garage" if by_token else "us-east-1", _region),
                admin=Credentials(access_key.reveal(), admin_secret),
                ca_bundle=str(ca_bundle) if ca_bundle else None,
                tls_verify=verify,
                pool_size=concurrency,
            ),
            rules=Rules(
                roles=frozenset(read.list("ALLOWED_ROLES", "user", _role)),
                user_ids=read.list("ALLOWED_USER_IDS", f"1-{_LARGEST_ID}", _range),
                group_ids=read.list("ALLOWED_GROUP_IDS", f"1-{_LARGEST_ID}", _range),
                reserved_access_keys=read.list("RESERVED_ACCESS_KEYS", "", str),
                reserved_buckets=read.list("RESERVED_BUCKETS", "", str),
                own_access_keys=frozenset({access_key.reveal()} - {""}),
                endpoint=endpoint if read.boolean("ENFORCE_ENDPOINT_CHECK", True) else None,
            ),
            adoption=Adoption(read.choice("ADOPTION", "any", tuple(Adoption))),
            signing_key=signing_key or Grants.derived(admin_secret),
            hook_host=read.text("HOOK_HOST", "127.0.0.1", str),
            hook_port=read.integer("HOOK_PORT", 8080, 0, 65535),
            hook_tokens=read.tokens("HOOK_TOKEN"),
            tls=read.tls(),
            metrics_host=read.text("METRICS_HOST", "0.0.0.0", str),  # noqa: S104
            metrics_port=read.integer("METRICS_PORT", 8000, 0, 65535),
            sync_timeout=read.number("SYNC_TIMEOUT_SECONDS", 8, 0.1, 600),
            sync_concurrency=concurrency,
            log_level=read.choice(
                "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"), str.upper
            ),
            log_format=read.choice("LOG_FORMAT", "json", ("json", "text")),
        )
        anonymous = read.boolean("HOOK_ALLOW_ANONYMOUS", False)
        if not settings.hook_tokens and not anonymous and not _is_loopback(settings.hook_host):
            read.mistakes.append(
                "HOOK_TOKEN: needed when HOOK_HOST is not a loopback address, since whoever "
                "reaches the hook can create users (HOOK_ALLOW_ANONYMOUS=true goes without)"
            )
        if settings.hook_port and settings.hook_port == settings.metrics_port:
            read.mistakes.append("METRICS_PORT: must differ from HOOK_PORT")
        if read.mistakes:
            raise SettingsError(read.mistakes)
        return settings


class _Reader:
    """Reads variables one by one; a mistake is noted and a stand-in returned."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.mistakes: list[str] = []

    def _get(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def text(self, name: str, default: str, check: Callable[[str], str]) -> str:
        value = self._get(name)
        return self._checked(name, value, check, default) if value else default

    def choice(
        self,
        name: str,
        default: str,
        valid: tuple[str, ...],
        fold: Callable[[str], str] = str.lower,
    ) -> str:
        value = fold(self._get(name)) or default
        if value in valid:
            return value
        self.mistakes.append(f"{name}: must be one of {', '.join(valid)}")
        return default

    def boolean(self, name: str, default: bool) -> bool:
        return self.choice(name, str(default).lower(), ("true", "false")) == "true"

    def number(self, name: str, default: float, lowest: float, highest: float) -> float:
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
        value = self._get(name)
        if not value:
            return default
        if re.fullmatch(r"[0-9]{1,9}", value) and lowest <= int(value) <= highest:
            return int(value)
        self.mistakes.append(f"{name}: must be a whole number from {lowest} to {highest}")
        return default

    def list(self, name: str, default: str, item: Callable[[str], T]) -> tuple[T, ...]:
        words = [word.strip() for word in (self._get(name) or default).split(",")]
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

    def file(self, name: str) -> Path | None:
        value = self._get(name)
        if not value:
            return None
        path = Path(value)
        try:
            path.read_bytes()
        except OSError as error:
            self.mistakes.append(f"{name}: can't be read ({error.strerror})")
        return path

    def credential(self, name: str, *others: str, required: bool = False) -> Sensitive:
        """A credential under any of its names, or in the file that NAME_FILE names."""
        found = {}
        for candidate in (name, *others):
            value = _drop_newline(self._environ.get(candidate, ""))
            path = self.file(f"{candidate}_FILE")
            if value and path:
                self.mistakes.append(f"{candidate}: set together with {candidate}_FILE")
            if value:
                found[candidate] = value
            elif path:
                text = self._secret_text(f"{candidate}_FILE", path)
                if text:
                    found[candidate] = text
        if len(set(found.values())) > 1:
            self.mistakes.append(f"{name}: differs from {' and '.join(others)}: set one of them")
        if found:
            return Sensitive(next(iter(found.values())))
        if required and not any(mistake.startswith(f"{name}_FILE:") for mistake in self.mistakes):
            self.mistakes.append(f"{name}: required, here or in the file that {name}_FILE names")
        return Sensitive("")

    def tokens(self, name: str) -> tuple[Sensitive, ...]:
        """The tokens of a credential that holds one a line."""
        credential = self.credential(name)
        lines = [line.strip() for line in credential.reveal().splitlines()]
        tokens = tuple(Sensitive(line) for line in lines if line)
        if not tokens and (credential or self._environ.get(name)):
            self.mistakes.append(f"{name}: holds no token, but blanks")
        return tokens

    def ca_bundle(self, name: str) -> Path | None:
        """A PEM file of CA certificates."""
        path = self.file(name)
        try:
            if path and path.is_file():
                ssl.create_default_context(cafile=path)
        except (OSError, ssl.SSLError):
            self.mistakes.append(f"{name}: must be a PEM file of CA certificates")
        return path

    def tls(self) -> TLS | None:
        certificate = self.file("HOOK_TLS_CERT_FILE")
        key = self.file("HOOK_TLS_KEY_FILE")
        client_ca = self.file("HOOK_TLS_CLIENT_CA_FILE")
        if certificate and key:
            return TLS(certificate, key, client_ca)
        if certificate or key or client_ca:
            self.mistakes.append(
                "HOOK_TLS_CERT_FILE: goes together with HOOK_TLS_KEY_FILE, and "
                "HOOK_TLS_CLIENT_CA_FILE needs both"
            )
        return None

    def _secret_text(self, name: str, path: Path) -> str:
        try:
            text = _drop_newline(path.read_text(encoding="utf-8"))
        except OSError:
            return ""  # noted when the file was looked at
        except ValueError:
            self.mistakes.append(f"{name}: the file is not UTF-8 text")
            return ""
        if not text:
            self.mistakes.append(f"{name}: the file is empty")
        return text

    def _checked(self, name: str, value: str, check: Callable[[str], str], instead: str) -> str:
        try:
            return check(value)
        except ValueError as error:
            self.mistakes.append(f"{name}: {error}")
            return instead


def _drop_newline(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def _annotation_key(value: str) -> str:
    if not _ANNOTATION_KEY.fullmatch(value):
        raise ValueError("must be an annotation with a prefix, such as example.com/enabled")
    if value.partition("/")[2] in _OWN_ANNOTATIONS:
        raise ValueError("must not be the name of an annotation that the operator sets")
    return value


def _region(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,64}", value):
        raise ValueError("must be letters, digits and hyphens")
    return value


def _role(value: str) -> str:
    if value not in _ROLES:
        raise ValueError(f"must be some of {', '.join(_ROLES)}")
    return value


def _range(value: str) -> range:
    match = _RANGE.fullmatch(value)
    if match:
        first = int(match[1])
        last = int(match[2] or first)
        if 0 <= first <= last <= _LARGEST_ID:
            return range(first, last + 1)
    raise ValueError(f"must be ranges such as 1000-1999,3000, each within 0-{_LARGEST_ID}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
