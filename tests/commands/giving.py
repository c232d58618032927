"""The command `grant`, called on a world of Secrets."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from backends.wire.sensitive import Sensitive
from hooks.commands.give import add_parser, run
from hooks.contract.grant import Grant, Grants
from hooks.settings.settings import Settings
from tests.live import Live
from tests.model import Account
from tests.rivals import World
from tests.support import ENVIRON, wait

KEY = "the-operators-signing-key"
NEVER = {"ADOPTION": "never", "SIGNING_KEY": KEY}


def call(world: World, live: Live, *words: str, environ: Mapping[str, str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(dest="command"))
    arguments = parser.parse_args(["grant", f"{live.namespace}/{live.name}", *words])
    settings = Settings.load({**ENVIRON, **NEVER, **(environ or {})})
    return wait(run(settings, world.store, arguments))


def given(live: Live, key: str = KEY) -> Grant | None:
    """What the Secret's grant says."""
    return Grants(Sensitive(key)).read(live.annotations.get("grants", ""), live.uid)


def existing(world: World, live: Live, owner: str | None = "somebody") -> None:
    """A bucket of that name, which its owner has set up."""
    if owner:
        world.store.accounts[owner] = Account("a-secret-of-its-own")
    world.store.owners[live.bucket] = owner
    world.store.settings[live.bucket] = "a policy"
