"""What a connection Secret holds: the defaults, consumers' formats, a tenant's templates."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hooks.attachments import template
from hooks.attachments.formats import FORMATS, Access, Unwritable
from hooks.claim.secret import InvalidSecret
from hooks.contract.decorator import SyncRequest
from hooks.contract.outcome import Reason
from hooks.contract.status import Keys

TEMPLATE = "connection."
"""Begins the data keys of an annotated Secret that are templates."""

_FORMAT, _DEFAULTS = "connection-format", "connection-defaults"
_KEY = re.compile(r"(?!\.\.?$|\.\.)[A-Za-z0-9._-]{1,242}")
# Line ends and tabs belong to files; nothing else of this kind does.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Content:
    """What a Secret asks its connection Secret to hold.

    Args:
        keys: the annotations' names.
        defaults: whether the keys that SDKs and libraries look for are wanted.
        formats: names of consumers.
        templates: the tenant's own, by the keys that they are for.
    """

    keys: Keys
    defaults: bool = True
    formats: Sequence[str] = ()
    templates: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, request: SyncRequest, keys: Keys) -> Content:
        """What a Secret asks for.

        Raises:
            InvalidSecret: an annotation or a template says what can't be.
        """
        defaults, formats = cls.check(request, keys)
        templates = {
            name.removeprefix(TEMPLATE): _text(name, request.data[name])
            for name in sorted(request.data)
            if name.startswith(TEMPLATE)
        }
        if not (defaults or formats or templates):
            raise _malformed(
                f"The annotation {keys[_DEFAULTS]}",
                f"leaves nothing to write: {keys[_FORMAT]} or a template has to say what",
            )
        return cls(keys, defaults, formats, templates)

    @staticmethod
    def check(request: SyncRequest, keys: Keys) -> tuple[bool, Sequence[str]]:
        """The annotations alone: whether defaults are wanted, and which formats.

        Raises:
            InvalidSecret: one of them says what can't be.
        """
        formats: Sequence[str] = ()
        if (text := request.annotations.get(keys[_FORMAT])) is not None:
            # More than there are is a mistake, however many they are.
            formats = [name.strip() for name in text.split(",", len(FORMATS))]
            if not set(formats) <= FORMATS.keys():
                raise _malformed(
                    f"The annotation {keys[_FORMAT]}",
                    f"must be one of {', '.join(FORMATS)}, or several with commas between them",
                )
        defaults = request.annotations.get(keys[_DEFAULTS], "true")
        if defaults not in ("true", "false"):
            raise _malformed(f"The annotation {keys[_DEFAULTS]}", "must be true or false")
        return defaults == "true", formats

    def write(self, access: Access) -> dict[str, bytes]:
        """The data, by its keys.

        Args:
            access: the values.

        Raises:
            InvalidSecret: two want one key differently, or a value can't be written down.
        """
        data: dict[str, bytes] = {}
        wanted_by: dict[str, str] = {}
        without: dict[str, str] = {}
        for name in self.formats:
            for key, writer in FORMATS[name].keys.items():
                try:
                    value = writer(access)
                except Unwritable as error:
                    raise _malformed(
                        f"The annotation {self.keys[_FORMAT]}",
                        f"asks for {name}, whose {key} can't hold {error}",
                    ) from None
                if value is not None:
                    self._put(data, wanted_by, key, value.encode(), name)
            without |= dict.fromkeys(FORMATS[name].without, name)
        for key, name in without.items():
            if key in data:
                raise self._disagree(key, wanted_by[key], name)
        try:
            written = template.expand(self.templates, access)
        except template.TemplateError as error:
            raise _malformed(f"The template {TEMPLATE}{error}") from None
        for key, content in written.items():
            self._put(data, wanted_by, key, content, f"the template {TEMPLATE}{key}")
        if self.defaults:
            for key, text in _defaults(access).items():
                if key not in without:
                    self._put(data, wanted_by, key, text.encode(), "the defaults")
        return data

    def _put(
        self, data: dict[str, bytes], wanted_by: dict[str, str], key: str, value: bytes, who: str
    ) -> None:
        if data.setdefault(key, value) != value:
            raise self._disagree(key, wanted_by[key], who)
        wanted_by.setdefault(key, who)

    def _disagree(self, key: str, one: str, other: str) -> InvalidSecret:
        hint = f"; {self.keys[_DEFAULTS]}: false leaves the defaults out"
        return _malformed(
            f"The key {key} of the connection Secret",
            f"can't be what {one} and {other} want of it at once: each needs a Secret of its own"
            + (hint if other == "the defaults" else ""),
        )


def _defaults(access: Access) -> dict[str, str]:
    """What SDKs and applications for bucket claims look for."""
    return {
        "AWS_ACCESS_KEY_ID": access.access_key,
        "AWS_SECRET_ACCESS_KEY": access.secret.reveal(),
        "AWS_ENDPOINT_URL_S3": access.endpoint,
        "AWS_ENDPOINT_URL": access.endpoint,
        "AWS_REGION": access.region,
        "AWS_DEFAULT_REGION": access.region,
        **({} if access.trailers else {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_required"}),
        "BUCKET_NAME": access.bucket,
        **_listed(access),
        "BUCKET_HOST": access.host,
        "BUCKET_PORT": access.port,
    }


def _listed(access: Access) -> dict[str, str]:
    """All buckets, and each by its place, where the Secret lists them."""
    if not access.listed:
        return {}
    return {
        "BUCKET_NAMES": access.buckets,
        **{f"BUCKET_NAME_{place}": name for place, name in enumerate(access.listed, 1)},
    }


def _text(key: str, encoded: object) -> str:
    """A template, as it stands in the Secret."""
    if not _KEY.fullmatch(key.removeprefix(TEMPLATE)):
        raise _malformed(
            f"A template, {TEMPLATE}NAME,",
            "has a name that no key can have: 242 letters, digits and . _ - at most",
        )
    subject = f"The template {key}"
    if not isinstance(encoded, str):
        raise _malformed(subject, "must be a base64 string")
    # Four characters of base64 are three bytes.
    if len(encoded) > template.LIMIT * 3 // 2:
        raise _malformed(subject, f"is too long: {template.LIMIT // 1024} KiB is the most")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raise _malformed(subject, "is not UTF-8 text in base64") from None
    if _NOT_TEXT.search(text):
        raise _malformed(subject, "must not contain control characters but line ends and tabs")
    return text


def _malformed(subject: str, problem: str = "") -> InvalidSecret:
    return InvalidSecret(Reason.INVALID_FIELD, f"{subject} {problem}".rstrip() + ".")
