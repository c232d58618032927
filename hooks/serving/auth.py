"""Bearer tokens of the hook listener."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Sequence

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from backends.wire.sensitive import Sensitive

log = logging.getLogger(__name__)

PASSED = "passed"
"""In the state of a request that was let pass."""

_LOG_EVERY = 60.0


class BearerTokens:
    """ASGI middleware that lets a call pass which carries one of the tokens.

    Args:
        app: what is guarded.
        tokens: any of them will do, so that a new one can be brought in before the old one
            goes; none at all lets everybody pass.
        refused: told of the status that a call is refused with.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Sequence[Sensitive],
        refused: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._app = app
        self._refused = refused
        # Hashed, so that comparing takes the same time for tokens of any length.
        self._tokens = [_digest(token.reveal().encode()) for token in tokens]
        self._logged = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers 401, or passes the call on."""
        if scope["type"] != "http" or not self._tokens or self._accepts(scope):
            scope.setdefault("state", {})[PASSED] = True
            await self._app(scope, receive, send)
            return
        self._refused(401)
        self._log()
        refusal = PlainTextResponse(
            "unauthorized", status_code=401, headers={"WWW-Authenticate": "Bearer"}
        )
        await refusal(scope, receive, send)

    def _accepts(self, scope: Scope) -> bool:
        # Names are in lower case, as ASGI has them; of several the first counts.
        given = b""
        for name, text in scope["headers"]:
            if name == b"authorization":
                given = text
                break
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer":
            return False
        digest = _digest(token.strip(b" \t"))
        # Every token is compared, whichever matches.
        return any([hmac.compare_digest(digest, valid) for valid in self._tokens])  # noqa: C419

    def _log(self) -> None:
        # One line a minute: whoever has no token must not fill the log either.
        now = time.monotonic()
        if self._logged and now - self._logged < _LOG_EVERY:
            return
        self._logged = now
        log.warning(
            "refused a hook call without a valid bearer token: the DecoratorController's "
            "webhook.authorization takes effect from Metacontroller 4.16 with its CRDs on, older "
            "CRDs drop it silently; it has to name the Secret that holds HOOK_TOKEN"
        )


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
