#!/usr/bin/env bash
# MinIO's Python client: MinioAdmin.group_add with its arguments as they are annotated.
#
# Expected: `group_add(group_name: str, members: str)` adds the user of that name to the group, as `mc admin group add` does.
# Seen with minio 7.2.20 and MinIO 2026-02-12 (Go module v0.0.0-20260212201848-7aac2a2c5b7c): 400 InvalidRequest. The client
# sends the string as it is, where the server takes a list; with a list, which the annotation forbids, it works.
# `group_remove` does the same. A program that a type checker is content with can use neither.
#
# Needs Go and Python 3.11; a few minutes. Exit code 0: as seen. Everything runs on loopback.
set -euo pipefail

folder=$(mktemp -d)
server=
clean() {
	[[ -z "$server" ]] || kill "$server" 2>/dev/null || true
	chmod -R u+w "$folder"
	rm -rf "$folder"
}
trap clean EXIT

GOBIN=$folder go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet minio==7.2.20

port=$("$folder/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
MINIO_ROOT_USER=finding MINIO_ROOT_PASSWORD=example-only-replace-me \
	"$folder/minio" server --quiet --address "127.0.0.1:$port" "$folder/data" >"$folder/log" 2>&1 &
server=$!

"$folder/venv/bin/python" - "127.0.0.1:$port" <<'PYTHON'
import json
import sys
import time

import urllib3
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException
from minio.minioadmin import MinioAdmin

admin = MinioAdmin(
    endpoint=sys.argv[1],
    credentials=StaticProvider("finding", "example-only-replace-me"),
    region="us-east-1",
    secure=False,
    http_client=urllib3.PoolManager(retries=False),
)
for _ in range(60):
    try:
        admin.user_add("member", "example-only-replace-me")
        break
    except (urllib3.exceptions.HTTPError, MinioAdminException):
        time.sleep(0.5)
else:
    sys.exit("the server did not start")


def answer(call, members):
    try:
        call("team", members)
    except MinioAdminException as error:
        return json.loads(error._body)["Code"]
    return "accepted"


seen = [
    answer(admin.group_add, "member"),
    answer(admin.group_add, ["member"]),
    answer(admin.group_remove, "member"),
    answer(admin.group_remove, ["member"]),
]
print("group_add, a string:", seen[0], "- a list:", seen[1])
print("group_remove, a string:", seen[2], "- a list:", seen[3])
if seen != ["InvalidRequest", "accepted", "InvalidRequest", "accepted"]:
    sys.exit("not as seen before")
PYTHON
