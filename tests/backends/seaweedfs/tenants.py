"""Users and their policies, as an administrator of SeaweedFS makes them."""

from __future__ import annotations

import json
from typing import Any

from backends.base import Claim
from backends.wire.sensitive import Sensitive
from tests.servers.seaweedfs import SeaweedStore

SECRET = "a-very-strong-and-long-password"


def allowing(actions: list[str], resource: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": actions, "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [statement]}


def attach(
    store: SeaweedStore, user: str, policy: dict[str, Any], *, name: str = "managed"
) -> None:
    if store.user(user) is None:
        store.create_user(user, SECRET)
    arn = f"arn:aws:iam:::policy/{user}-{name}"
    document = json.dumps(policy)
    store.iam("CreatePolicy", PolicyName=f"{user}-{name}", PolicyDocument=document)
    store.iam("AttachUserPolicy", UserName=user, PolicyArn=arn)


def claim_of(bucket: str, user: str, secret: str = SECRET, **attributes: Any) -> Claim:
    return Claim(bucket, user, Sensitive(secret), **attributes)
