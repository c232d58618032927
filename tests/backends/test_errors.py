"""Every foreign error has one of ours, in words that stay the same from try to try."""

from __future__ import annotations

import inspect
import socket
import ssl

import aiohttp.client_exceptions
import botocore.exceptions
import pytest

from backends import errors
from backends.errors import error_for, foreign_errors, own_words


def _all(module: object, base: type[BaseException]) -> list[type[BaseException]]:
    return [
        found for _, found in inspect.getmembers(module, inspect.isclass) if issubclass(found, base)
    ]


@pytest.mark.parametrize("foreign", _all(aiohttp.client_exceptions, aiohttp.ClientError))
def test_no_error_of_aiohttp_gets_through(foreign: type[BaseException]) -> None:
    error = foreign.__new__(foreign)
    with pytest.raises(errors.TransientError) as caught, foreign_errors():
        raise error
    assert caught.value.__cause__ is error
    assert foreign.__name__ not in str(caught.value)


@pytest.mark.parametrize("foreign", _all(botocore.exceptions, botocore.exceptions.BotoCoreError))
def test_no_error_of_botocore_gets_through(foreign: type[BaseException]) -> None:
    error = foreign.__new__(foreign)
    with pytest.raises(errors.StoreError) as caught, foreign_errors():
        raise error
    assert caught.value.__cause__ is error


def test_a_time_out_is_one_whoever_says_so() -> None:
    for error in (TimeoutError(), aiohttp.ServerTimeoutError(), aiohttp.ConnectionTimeoutError()):
        with pytest.raises(errors.TimedOut), foreign_errors():
            raise error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "its name can't be resolved"),
        (ConnectionRefusedError(111, "refused"), "the connection was refused"),
        (ConnectionResetError(104, "reset"), "the connection was reset"),
        (ssl.SSLError(1, "handshake failure"), "the TLS handshake failed"),
        (OSError(113, "No route to host"), "the connection failed"),
    ],
)
def test_the_ways_a_connection_fails_are_told_apart(cause: OSError, words: str) -> None:
    error = aiohttp.ClientError("at 0x7f0001, request 17")
    error.__cause__ = cause
    with pytest.raises(errors.Unavailable, match=words), foreign_errors():
        raise error


@pytest.mark.parametrize(
    ("status", "code", "admin", "expected"),
    [
        (503, "", False, errors.Unavailable),
        (429, "", True, errors.Unavailable),
        (503, "SlowDown", True, errors.Unavailable),
        (500, "InternalError", True, errors.ServerFault),
        (502, "", True, errors.ServerFault),
        (200, "", False, errors.ServerFault),
        (404, "", True, errors.ServerFault),
        (404, "NoSuchKey", True, errors.ServerFault),
        (403, "AccessDenied", False, errors.ServerFault),
        (403, "AccessDenied", True, errors.CredentialsRejected),
        (403, "InvalidAccessKeyId", True, errors.CredentialsRejected),
        (403, "SignatureDoesNotMatch", True, errors.CredentialsRejected),
        (403, "XAdminAccessDenied", True, errors.CredentialsRejected),
        (403, "RequestTimeTooSkewed", False, errors.ClockSkew),
        (403, "RequestTimeTooSkewed", True, errors.ClockSkew),
        (400, "AuthorizationHeaderMalformed", False, errors.Misconfigured),
        (405, "MethodNotAllowed", True, errors.Misconfigured),
        (501, "NotImplemented", True, errors.Misconfigured),
        (400, "InvalidBucketName", True, errors.Rejected),
        (403, "AllAccessDisabled", True, errors.Rejected),
        (403, "AllAccessDisabled", False, errors.Rejected),
        (400, "", True, errors.ServerFault),
    ],
)
def test_an_answer_is_classified_by_its_code(
    status: int, code: str, admin: bool, expected: type[errors.StoreError]
) -> None:
    assert type(error_for(status, code, "said", admin=admin)) is expected


def test_a_client_error_of_boto3_is_classified_the_same_way() -> None:
    answer = {
        "Error": {"Code": "AccessDenied", "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }
    with pytest.raises(errors.CredentialsRejected), foreign_errors():
        raise botocore.exceptions.ClientError(answer, "ListBuckets")


def test_a_stores_own_words_are_made_fit_to_be_quoted() -> None:
    assert own_words("  The\nbucket\tname \x00 is not valid. ") == "The bucket name is not valid"
    assert len(own_words("word " * 1000)) <= 200


@pytest.mark.parametrize(
    "message",
    [
        str(error_for(s, c, "said", admin=True))
        for s, c in [(400, "X"), (500, ""), (403, "AccessDenied")]
    ],
)
def test_every_message_is_one_sentence(message: str) -> None:
    assert message.endswith(".")
    assert "\n" not in message
