"""What VersityGW's own error codes mean."""

from __future__ import annotations

from backends.base import Answer
from backends.errors import Misconfigured, StoreError, Unsupported, error_for


def admin_error(answer: Answer) -> StoreError:
    """Of an answer to the operator's own credentials."""
    return error_of(answer, admin=True)


def error_of(answer: Answer, *, admin: bool) -> StoreError:
    """Of any answer; see :func:`backends.errors.error_for`."""
    if answer.code == "XAdminMethodNotSupported":
        return single_account()
    if answer.code == "VersioningNotConfigured":
        return no_versions()
    return error_for(answer.status, answer.code, answer.message, admin=admin)


def single_account() -> Misconfigured:
    """A gateway without users."""
    return Misconfigured(
        "VersityGW runs in single-account mode and can have no users: start it with an IAM "
        "service such as --iam-dir."
    )


def no_versions() -> Unsupported:
    """A gateway without a place for versions."""
    return Unsupported(
        "This VersityGW keeps no former versions of objects: start it with --versioning-dir, or "
        "remove versioning from the Secret."
    )
