"""Where a credential is to be seen that belongs in a Secret's data alone."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from urllib.parse import quote

from tests.e2e.stack import Stack

LAST_APPLIED = "metacontroller.k8s.io/last-applied-configuration"


def leaks(stack: Stack) -> list[str]:
    """The places where any credential of this run is to be seen."""
    settings = stack.s3.environ()
    admin = {settings[key] for key in ("S3_SECRET_KEY", "S3_ADMIN_TOKEN") if key in settings}
    credentials = {*admin, stack.hook.token, stack.hook.signing_key}
    return places_of(stack, stack.secrets_used | credentials)


def places_of(stack: Stack, texts: Iterable[str]) -> list[str]:
    """Where any of these is to be seen by somebody who may not read Secrets' data."""
    places = {
        "the hook's log": stack.hook.process.log_text(),
        "Metacontroller's log": stack.metacontroller.process.log_text(),
        "/metrics": stack.hook.metrics_text(),
    }
    for event in stack.cluster.api.list("Event"):
        places[f"event {event['metadata']['name']}"] = event["message"]
    for secret in stack.cluster.api.list("Secret"):
        metadata = secret["metadata"]
        marks = {**metadata.get("annotations", {}), **metadata.get("labels", {})}
        # Metacontroller keeps what it last applied beside it, on the connection Secret itself.
        marks.pop(LAST_APPLIED, None)
        places[f"secret {metadata['name']}"] = "\n".join([*marks, *marks.values()])
    forms = {form for text in texts for form in spellings(text)}
    return [place for place, text in places.items() if any(form in text for form in forms)]


def spellings(credential: str) -> set[str]:
    """The ways in which a credential could be written down by accident."""
    encoded = base64.b64encode(credential.encode()).decode()
    escaped = credential.encode("unicode_escape").decode()
    return {credential, encoded, encoded.rstrip("="), quote(credential, safe=""), escaped}
