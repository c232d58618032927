"""One call of a hook by hand, as Metacontroller makes it."""

from __future__ import annotations

import json

import urllib3

from tests.servers.api import Object
from tests.servers.hook import Hook


def call(hook: Hook, token: str, secret: Object) -> Object:
    """The answer for a Secret as it is given here; nothing of it is written down."""
    body = {"object": secret, "attachments": {"Secret.v1": {}}, "finalizing": False}
    answer = urllib3.request(
        "POST",
        f"{hook.url}/sync",
        body=json.dumps(body),
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
        retries=False,
    )
    assert answer.status == 200, answer.data
    found: Object = answer.json()
    return found
