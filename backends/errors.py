"""What can go wrong with a store, and the one place that says so in our own terms.

StoreError
├── TransientError           worth another try later
│   ├── Unavailable          refused, name not found, TLS, 503
│   │   └── BrokenConnection reset, or closed before the answer was complete
│   ├── TimedOut             no answer within the sync's time
│   ├── ServerFault          another 5xx, or an answer that makes no sense
│   ├── CredentialsRejected  the operator's own key is unknown, wrong or not an administrator's
│   ├── Misconfigured        wrong region, no admin API, single-account mode
│   │   └── SignaturesRefused  nobody's signature counts at the S3 API's address
│   ├── ClockSkew            the store refuses our time
│   └── NotEmpty             a bucket can't be deleted for what is in it
└── PermanentError           another try answers the same
    ├── Rejected             the store refuses the value
    ├── Unsupported          the store can't do that
    └── Withheld             a bucket can't be taken from who has it

Every message is one sentence for a person, without a credential and without anything that
changes from try to try: it becomes the message annotation of the Secret.
"""

from __future__ import annotations

import re
import socket
import ssl
from urllib.parse import urlsplit

import aiohttp
import botocore.exceptions


class StoreError(Exception):
    """Base of all errors of a store; ``str()`` of it is a sentence for a person."""


class TransientError(StoreError):
    """Another try may go better."""


class Unavailable(TransientError):
    """The store can't be reached, or says that it is too busy."""


class BrokenConnection(Unavailable):
    """The connection was there and broke: the server may have closed it for idleness."""


class TimedOut(TransientError):
    """The store did not answer in time."""


class ServerFault(TransientError):
    """The store failed, or its answer makes no sense."""


class Disabled(ServerFault):
    """A user is disabled on the store, which takes nothing from it until it is enabled or gone."""


class CredentialsRejected(TransientError):
    """The store refuses the operator's own credentials."""


class Misconfigured(TransientError):
    """The operator and the store are not set up for one another."""


class SignaturesRefused(Misconfigured):
    """The S3 API refuses a signature that is right, so nobody's secret can be told to be wrong."""


class ClockSkew(TransientError):
    """The clocks of the operator and the store are too far apart."""


class NotEmpty(TransientError):
    """The bucket to be deleted still holds something."""


class PermanentError(StoreError):
    """Another try answers the same until the Secret changes."""


class Rejected(PermanentError):
    """The store refuses a value of the Secret."""


class Unsupported(PermanentError):
    """The store has no such feature."""


class Withheld(PermanentError):
    """The bucket can't be taken from who has it, but by an administrator on the store."""


_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "ServerBusy", "TooManyRequests"})
_REFUSED = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})
_HOST = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_WORDS = re.compile(r"[^\x20-\x7e]+")


def own_words(text: str, limit: int = 200) -> str:
    """A store's own message made fit to be quoted: printable, one line, cut to `limit`."""
    text = " ".join(_WORDS.sub(" ", text).split()).rstrip(".")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def error_for(status: int, code: str, message: str, *, admin: bool) -> StoreError:
    """The error that an answer means which the caller doesn't know better.

    Args:
        status: HTTP status of the answer.
        code: the S3 error code, empty when the answer had none.
        message: the store's own message.
        admin: whether the request was signed with the operator's own credentials.
    """
    if code == "RequestTimeTooSkewed":
        return ClockSkew(
            "The store refuses the request's time: synchronise the clocks of the store and of "
            "the operator's node."
        )
    if status == 407:
        return Misconfigured(
            "A proxy asks for credentials: put them into HTTP_PROXY or HTTPS_PROXY, or the "
            "store's host into NO_PROXY."
        )
    if code == "AuthorizationHeaderMalformed":
        return Misconfigured(
            f"The store refuses the signature's region, set S3_REGION to the store's: "
            f"{own_words(message)}."
        )
    if status in {429, 503} or code in _BUSY:
        return Unavailable("The store answers that it is too busy.")
    if admin and (code in _REFUSED or code == "XAdminAccessDenied"):
        if code == "InvalidAccessKeyId":
            why = "it doesn't know the access key"
        elif code == "SignatureDoesNotMatch":
            why = (
                "the secret key is wrong, or a proxy in between changes the request's host or path"
            )
        else:
            why = "they are not an administrator's"
        return CredentialsRejected(f"The store refuses the operator's own credentials: {why}.")
    if admin and (status in {405, 501} or code in {"MethodNotAllowed", "NotImplemented"}):
        return Misconfigured(
            "The store has no such admin API at S3_ADMIN_ENDPOINT_URL: check BACKEND_NAME and "
            "the admin endpoint."
        )
    # Of a name that the store keeps for itself, as MinIO does `minio`.
    if code and (status == 400 or code == "AllAccessDisabled"):
        words = own_words(message)
        return Rejected(f"The store refuses the request, {code}{f': {words}' if words else ''}.")
    if code:
        return ServerFault(f"The store answered {status} {code}.")
    return ServerFault(f"The store answered {status} without an S3 error.")


def redirected(origin: str, status: int, location: str) -> Misconfigured:
    """The error that a redirect means: it isn't followed, since what is signed is the address.

    Args:
        origin: scheme and host that were asked.
        status: HTTP status of the answer.
        location: where it leads to, as the answer says.
    """
    return Misconfigured(
        f"{origin} is not the store itself but a redirect ({status}){_destination(location)}, "
        "which is not followed: set S3_ENDPOINT_URL, or S3_ADMIN_ENDPOINT_URL if it is that one, "
        "to the URL that the store answers at."
    )


def _destination(location: str) -> str:
    """Where a redirect leads to, if it can be told: its scheme and host, and nothing else of it."""
    try:
        parts = urlsplit(location)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return ""
    host = f"[{host}]" if ":" in host else host
    return f" to {parts.scheme}://{host}{f':{port}' if port else ''}"


class foreign_errors:  # noqa: N801 - used like a function
    """Turns aiohttp's and botocore's errors into ours.

    Raises:
        StoreError: in place of any library error; always ``raise … from``.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and (ours := _ours(error)) is not None:
            raise ours from error


def _ours(error: BaseException) -> StoreError | None:
    """What a library's error means, most specific first; None for any other."""
    match error:
        case botocore.exceptions.ClientError():
            answer = error.response
            return error_for(
                int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)),
                str(answer.get("Error", {}).get("Code", "")),
                str(answer.get("Error", {}).get("Message", "")),
                admin=True,
            )
        case (
            TimeoutError()
            | botocore.exceptions.ConnectTimeoutError()
            | botocore.exceptions.ReadTimeoutError()
        ):
            return TimedOut("The store did not answer within the time of one sync.")
        case aiohttp.ClientHttpProxyError():
            status = getattr(error, "status", 0)
            if status == 407:
                return error_for(status, "", "", admin=False)
            return Unavailable(
                f"The store can't be reached: the proxy answers {status} instead of connecting."
            )
        case aiohttp.ClientProxyConnectionError():
            return Unavailable(f"The proxy can't be reached: {_cause(error)}.")
        case aiohttp.ClientResponseError():
            return ServerFault("The store's answer is not HTTP.")
        case aiohttp.ClientConnectorError():
            return Unavailable(f"The store can't be reached: {_cause(error)}.")
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            return BrokenConnection(f"The store can't be reached: {_RESET}.")
        case (
            aiohttp.ClientError()
            | botocore.exceptions.HTTPClientError()
            | botocore.exceptions.BotoCoreError()
            | OSError()
        ):
            return Unavailable(f"The store can't be reached: {_cause(error)}.")
    return None


def _cause(error: BaseException) -> str:
    """Which of the few ways a connection fails, in words that stay the same."""
    chain = _chain(error)
    for untrusted in chain:
        # aiohttp's own error of this kind has the class, but not what the class has.
        if why := getattr(untrusted, "verify_message", ""):
            return f"its TLS certificate is not trusted ({own_words(why)})"
    for kinds, words in _WAYS:
        if any(isinstance(cause, kinds) for cause in chain):
            return words
    return "the connection failed"


_RESET = "the connection was reset"
# Most specific first: the libraries wrap one another's errors.
_WAYS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((ssl.SSLError,), "the TLS handshake failed"),
    ((socket.gaierror, aiohttp.ClientConnectorDNSError), "its name can't be resolved"),
    ((ConnectionRefusedError,), "the connection was refused"),
    ((ConnectionError,), _RESET),
)


def _chain(error: BaseException) -> list[BaseException]:
    """The error and all that led to it."""
    chain: list[BaseException] = []
    rest: list[BaseException | None] = [error]
    while rest:
        cause = rest.pop()
        if cause is not None and cause not in chain:
            chain.append(cause)
            rest += [cause.__cause__, cause.__context__]
    return chain
