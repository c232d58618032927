"""What can go wrong with the Kubernetes API, and the one place that says so in our own terms.

KubeError
├── Misconfigured      a configuration is there but can't be used
├── Unauthorized       401: the credentials are not accepted
├── Forbidden          403: this account, or this namespace, doesn't allow it
├── NotFound           404 for the very object that was asked for
├── Conflict           409, or a patch whose test failed: somebody else was faster
│   └── AlreadyExists
├── Expired            410: a list went on for longer than the API remembers
├── Rejected           any other 4xx
│   └── NotServed      404 for the address itself: no such kind, or no Kubernetes API
└── Unavailable        refused, reset, TLS, 429, 5xx, or an answer that makes no sense
    └── TimedOut

Every message is one sentence for a person, without what the API answered: bodies quote tokens and
the names of other people's objects.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import urllib3.exceptions


class KubeError(Exception):
    """Base of all errors of the Kubernetes API; ``str()`` of it is a sentence for a person."""


class Misconfigured(KubeError):
    """There is a configuration, but it can't be used."""


class Unauthorized(KubeError):
    """The API doesn't accept the credentials."""


class Forbidden(KubeError):
    """The API doesn't allow it."""


class NotFound(KubeError):
    """There is no such object; said only when the API said so of this object."""


class Conflict(KubeError):
    """The object isn't what it was when it was read."""


class AlreadyExists(Conflict):
    """There is an object of that name."""


class Expired(KubeError):
    """The next page of a list is of a state that the API no longer remembers.

    Args:
        resume: continue token for the rest of the list as it is now, empty if there is none.
    """

    def __init__(self, resume: str) -> None:
        super().__init__("The Kubernetes API took longer for a list than it remembers one.")
        self.resume = resume


class Rejected(KubeError):
    """The API refuses the request."""


class NotServed(Rejected):
    """The API has no such address, which says nothing of any object."""


class Unavailable(KubeError):
    """The API can't be reached, or it failed."""


class TimedOut(Unavailable):
    """The API did not answer in time."""


def error_for(status: int, answer: Mapping[str, Any], doing: str, resource: str) -> KubeError:
    """The error that an answer means.

    Args:
        status: HTTP status of the answer.
        answer: its ``Status`` object, empty if it had none.
        doing: what was to be done, in words: "list Secrets".
        resource: plural name of the resource that was asked for.
    """
    reason = answer.get("reason")
    if status == 401:
        return Unauthorized("The Kubernetes API does not accept the credentials.")
    if status == 403:
        return Forbidden(f"The Kubernetes API does not allow this account to {doing}.")
    if status == 404:
        # A proxy, or an API that isn't served, answers 404 as well.
        if reason == "NotFound" and _mapping(answer, "details").get("kind") == resource:
            return NotFound(f"The Kubernetes API can't {doing}: there is none of that name.")
        return NotServed(f"The Kubernetes API has no such address to {doing}.")
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists(f"The Kubernetes API can't {doing}: there is one of that name.")
    if status in {409, 422}:
        return Conflict(f"The Kubernetes API can't {doing}: it was changed, or it isn't valid.")
    if status == 410:
        return Expired(_text(_mapping(answer, "metadata"), "continue"))
    if status in {408, 504}:
        return TimedOut(f"The Kubernetes API had no time to {doing}.")
    if status == 429 or status >= 500 or status < 400:
        return Unavailable(f"The Kubernetes API can't {doing} now: it answered {status}.")
    return Rejected(f"The Kubernetes API refuses to {doing}: it answered {status}.")


@contextmanager
def foreign_errors() -> Iterator[None]:
    """Turns the errors of urllib3 and of sockets into ours, most specific first.

    Raises:
        KubeError: in place of any library error.
    """
    try:
        yield
    except urllib3.exceptions.NewConnectionError as error:
        # Its base class is a time-out (urllib3 2.8), but nothing was waited for.
        raise Unavailable(f"The Kubernetes API can't be reached: {_cause(error)}.") from error
    except (urllib3.exceptions.TimeoutError, TimeoutError) as error:
        raise TimedOut("The Kubernetes API did not answer in time.") from error
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        raise Unavailable(f"The Kubernetes API can't be reached: {_cause(error)}.") from error
    except (ValueError, KeyError, TypeError):
        # Raised where a token is renewed or put into a header; their text quotes it.
        raise Misconfigured(
            "The credentials for the Kubernetes API can't be read or are not text."
        ) from None


_WAYS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((ssl.SSLCertVerificationError,), "its TLS certificate is not trusted"),
    ((ssl.SSLError, urllib3.exceptions.SSLError), "the TLS handshake failed"),
    ((socket.gaierror, urllib3.exceptions.NameResolutionError), "its name can't be resolved"),
    ((ConnectionRefusedError,), "the connection was refused"),
    (
        (ConnectionError, http.client.HTTPException, urllib3.exceptions.ProtocolError),
        "the connection was reset",
    ),
)


def _cause(error: BaseException) -> str:
    """Which of the few ways a connection fails, in words that stay the same."""
    chain: list[BaseException] = []
    rest: list[BaseException | None] = [error]
    while rest:
        cause = rest.pop()
        if cause is not None and cause not in chain:
            chain.append(cause)
            rest += [cause.__cause__, cause.__context__]
    for kinds, words in _WAYS:
        if any(isinstance(cause, kinds) for cause in chain):
            return words
    return "the connection failed"


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""
