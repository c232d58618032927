#!/usr/bin/env bash
# MinIO: AbortMultipartUpload of an upload that isn't there, such as one under another key than its own.
#
# Expected, as S3 documents it and as ListParts answers here, too: 404 NoSuchUpload.
# Seen with MinIO 2026-02-12 (Go module v0.0.0-20260212201848-7aac2a2c5b7c): 204, as if it had been aborted. A clean-up with
# the wrong key takes it for done, and the upload with its parts stays.
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
"$folder/venv/bin/pip" install --quiet boto3==1.40.1

port=$("$folder/venv/bin/python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
MINIO_ROOT_USER=finding MINIO_ROOT_PASSWORD=example-only-replace-me \
	"$folder/minio" server --quiet --address "127.0.0.1:$port" "$folder/data" >"$folder/log" 2>&1 &
server=$!

"$folder/venv/bin/python" - "http://127.0.0.1:$port" <<'PYTHON'
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

s3 = boto3.client(
    "s3",
    endpoint_url=sys.argv[1],
    region_name="us-east-1",
    aws_access_key_id="finding",
    aws_secret_access_key="example-only-replace-me",
    config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
)
for _ in range(60):
    try:
        s3.create_bucket(Bucket="finding")
        break
    except (EndpointConnectionError, ClientError):
        time.sleep(0.5)
else:
    sys.exit("the server did not start")


def answer(call, key):
    try:
        call(Bucket="finding", Key=key, UploadId=upload)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "accepted"


upload = s3.create_multipart_upload(Bucket="finding", Key="object")["UploadId"]
aborted = answer(s3.abort_multipart_upload, "another")
listed = answer(s3.list_parts, "another")
left = answer(s3.list_parts, "object")
print("AbortMultipartUpload, another key:", aborted)
print("ListParts, another key:", listed, "- its own key:", left)
if (aborted, listed, left) != ("accepted", "NoSuchUpload", "accepted"):
    sys.exit("not as seen before")
PYTHON
