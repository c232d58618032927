#!/usr/bin/env bash
# MinIO: DeleteBucketReplication of a bucket that has none.
#
# Expected, as of the other settings of a bucket (policy, lifecycle): the S3 error for a configuration that isn't
# there, ReplicationConfigurationNotFoundError, or 204.
# Seen with MinIO 2026-02-12 (Go module v0.0.0-20260212201848-7aac2a2c5b7c): 404 with a code of the admin API,
# XMinioAdminRemoteTargetNotFoundError. A client that removes settings and takes the S3 code alone for "there is none"
# fails on each bucket that never had a replication.
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
s3.delete_bucket_policy(Bucket="finding")
s3.delete_bucket_lifecycle(Bucket="finding")
try:
    s3.delete_bucket_replication(Bucket="finding")
except ClientError as error:
    seen = (error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]["Code"])
else:
    seen = (204, "")
print("DeleteBucketReplication:", *seen)
s3.head_bucket(Bucket="finding")
if seen != (404, "XMinioAdminRemoteTargetNotFoundError"):
    sys.exit("not as seen before")
PYTHON
