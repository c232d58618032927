"""What the hook answers one Secret, as its own log tells: nobody else's calls count."""

from __future__ import annotations

import json

from hooks.commands.processes import wait_until
from tests.e2e.stack import Stack, Tenant

_SECONDS = 30
Answer = tuple[str | None, str | None]


class Answers:
    """Status and reason of each call for one Secret from now on, in their order."""

    def __init__(self, stack: Stack, tenant: Tenant) -> None:
        self._log = stack.hook.process.log
        self._secret = f"{tenant.namespace}/{tenant.name}"
        self._begin = self._log.stat().st_size

    def told(self) -> list[Answer]:
        """Those that there are by now."""
        with self._log.open("rb") as log:
            log.seek(self._begin)
            lines = log.read().split(b"\n")[:-1]
        # Half a line at the beginning belongs to a call that is over.
        read = [json.loads(line) for line in lines if line.startswith(b"{")]
        return [
            (line["status"], line["reason"])
            for line in read
            if line.get("secret") == self._secret and "status" in line
        ]


def looked_at(stack: Stack, tenant: Tenant) -> None:
    """Waits until a call for the Secret is answered and written that began after this one.

    Metacontroller calls for one Secret one after the other. The first call that ends may have begun
    before; one that ends after that one has not. The Secret shows what the last one answered.
    """
    answers = Answers(stack, tenant)
    for _ in range(2):
        before = len(answers.told())
        stack.touch(tenant)
        wait_until(
            lambda before=before: len(answers.told()) > before,  # type: ignore[misc]
            timeout=_SECONDS,
            what=f"a sync of {tenant.name}",
        )
    stack.settle(quiet=0.3)

    def shows() -> bool:
        marks = stack.annotations(tenant)
        return (marks.get("status"), marks.get("reason")) == answers.told()[-1]

    wait_until(shows, timeout=_SECONDS, what=f"the last answer to stand on {tenant.name}")
