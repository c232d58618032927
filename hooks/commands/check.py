"""The `check` command: whether the operator and its store are set up for one another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from backends import Backend
from backends.errors import (
    CredentialsRejected,
    SignaturesRefused,
    StoreError,
    TimedOut,
    Unavailable,
)
from backends.wire.deadline import Deadline
from hooks.commands.storewise import sites_of
from hooks.settings.settings import Settings
from hooks.sync.recogniser import Recogniser
from hooks.terminal import say

OK = 0
FAILED = 1


async def run(settings: Settings, backend: Backend, name: str = "") -> int:
    """Prints one line for each thing that was looked at, and returns the exit code.

    Args:
        settings: the store's.
        backend: the store; closed at the end.
        name: the store's, where there are several.
    """
    say = partial(_say, name)
    endpoint = settings.connection.endpoint
    say(f"ok      configuration: {settings.backend_name} at {endpoint}")
    try:
        failed = await _failure(backend, Deadline(settings.sync_timeout), say)
    finally:
        await backend.close()
    if failed == "connectivity":
        return FAILED
    # Asked in any case: the S3 API and the admin API may be those of two stores.
    recogniser = Recogniser(settings.backend_name, settings.connection, name)
    other = await recogniser.mistake(Deadline(settings.sync_timeout))
    if other:
        say(f"FAILED  store: {other}")
    return FAILED if failed or other else OK


async def run_each(settings: Settings) -> int:
    """Does it for each store of the settings' list, one after the other."""
    sites = sites_of(settings, None)
    try:
        codes = [await run(site.settings, site.backend, site.name) for site in sites]
    finally:
        await sites.close()
    return max(codes)


def _say(name: str, line: str) -> None:
    word, _, rest = line.partition(" ")
    # What failed stands below what is well.
    say(f"{word:8}{name}: {rest.lstrip()}" if name else line)


async def _failure(backend: Backend, deadline: Deadline, say: Callable[[str], None]) -> str:
    """What failed, after telling it; empty if nothing did."""
    try:
        await backend.check(deadline)
    except (Unavailable, TimedOut) as error:
        say(f"FAILED  connectivity: {error}")
        return "connectivity"
    except CredentialsRejected as error:
        say("ok      connectivity")
        say(f"FAILED  admin rights: {error}")
        return "admin rights"
    except SignaturesRefused as error:
        say("ok      connectivity")
        say("ok      admin rights")
        say(f"FAILED  signatures: {error}")
        return "signatures"
    except StoreError as error:
        say("ok      connectivity")
        say(f"FAILED  admin API: {error}")
        return "admin API"
    say("ok      connectivity")
    say("ok      admin rights")
    return ""
